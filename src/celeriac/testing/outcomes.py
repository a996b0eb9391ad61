"""What ``drain()`` returns: what each attempt ended in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from celeriac.app import Celery
from celeriac.current import current_app
from celeriac.engine import encryption
from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.errors import UnreadablePayload
from celeriac.engine.job import Job
from celeriac.result import AsyncResult


@dataclass(frozen=True)
class Outcome:
    """One attempt of a job.

    ``state`` is Celery's: ``SUCCESS``, ``RETRY``, ``FAILURE``, ``REVOKED``; ``PENDING`` of a job that was parked.
    """

    task: str
    args: list[Any]
    kwargs: dict[str, Any]
    state: str
    value: Any = None
    error: BaseException | None = field(default=None, compare=False)
    id: str = field(default="", compare=False)


def outcome_of_attempt(attempt: Attempt) -> Outcome:
    """Return what an attempt that ran here ended in, with the very value and exception."""
    value = attempt.value if attempt.error is None else None
    job = attempt.job
    return Outcome(job.task, attempt.args, attempt.kwargs, attempt.celery_state, value, attempt.error, job.id)


def outcome_of_job(app: Celery, job: Job) -> Outcome:
    """Return what a job that ran elsewhere ended in, as the store remembers it."""
    args, kwargs = arguments_of(job)
    result: AsyncResult[Any] = AsyncResult(job.id, task_name=job.task, app=app)
    said = result.result
    error = said if isinstance(said, BaseException) else None
    return Outcome(job.task, args, kwargs, result.state, said if error is None else None, error, job.id)


def arguments_of(job: Job) -> tuple[list[Any], dict[str, Any]]:
    """Return a job's arguments, as its task gets them; none where they cannot be read."""
    try:
        args, kwargs, _ = encryption.arguments_of(job, current_app().cipher)
    except UnreadablePayload:
        return [], {}
    return args, kwargs
