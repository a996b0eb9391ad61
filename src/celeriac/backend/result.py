"""A job as a ``TaskResult`` of Django: what the store remembers, and what a worker knows of the one it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from celeriac.backend.djangotasks import TASK_REFRESH_ATTRS, Task, TaskError, TaskResult, TaskResultStatus, normalize_json
from celeriac.backend.task import variant
from celeriac.engine.attempt.failure import describe
from celeriac.engine.codec import decode_failure, tagged
from celeriac.engine.encryption import Cipher, arguments_of, result_of
from celeriac.engine.errors import UnreadablePayload
from celeriac.engine.job import DJANGO_NAMES, Job, State
from celeriac.engine.outcome import Attempt, Failure

HEADER = "django_tasks"
"""The header of a job that differs from its task: in its backend, or in the metadata it begins with."""
REVOKED = Failure(type="TaskRevokedError", module="celeriac.exceptions", message="")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult(TaskResult):  # type: ignore[misc]  # it is frozen; django-stubs do not say so
    """A ``TaskResult`` with the job's metadata."""

    raw_metadata: dict[str, Any] = field(default_factory=dict)
    """All of it. Keys that begin with ``_`` belong to the backend."""

    def __post_init__(self) -> None:
        """Nothing is left to do: whoever makes one here gives it plain JSON."""

    @property
    def metadata(self) -> dict[str, Any]:
        """What ``using(metadata=...)`` and ``context.save_metadata()`` said last."""
        return {key: value for key, value in self.raw_metadata.items() if not key.startswith("_")}

    def refresh(self) -> None:
        """Read the store anew."""
        self.take(self.task.get_backend().get_result(self.id))

    async def arefresh(self) -> None:
        """``refresh`` for coroutines."""
        self.take(await self.task.get_backend().aget_result(self.id))

    def take(self, fresh: TaskResult) -> None:
        """Become what ``fresh`` is."""
        change(self, **{name: getattr(fresh, name) for name in (*TASK_REFRESH_ATTRS, "raw_metadata")})


def change(result: TaskResult, **values: Any) -> None:
    """Set fields of a result, which is frozen for everybody else: Django's own backends do the same."""
    for name, value in values.items():
        object.__setattr__(result, name, value)


def recorded(task: Task, job: Job, attempts: Sequence[Attempt], cipher: Cipher | None) -> JobResult:
    """Return the result of a job as the store has it. Arguments or a value that cannot be read are left out."""
    try:
        args, kwargs = arguments_of(job, cipher)[:2]
    except UnreadablePayload:
        args, kwargs = [], {}
    began = [attempt.started for attempt in attempts if attempt.started is not None]
    if job.started is not None and job.state is not State.EXPIRED:  # which is the time at which it was not run
        began.append(job.started)
    result = JobResult(
        task=as_enqueued(task, job),
        id=job.id,
        status=TaskResultStatus[DJANGO_NAMES[job.state]],
        enqueued_at=moment(job.created),
        started_at=moment(min(began, default=None)),
        finished_at=moment(job.finished) if job.state in _ENDED else None,
        last_attempted_at=moment(max(began, default=None)),
        args=plain(args),
        kwargs=plain(kwargs),
        backend=backend_of(task, job),
        errors=errors_of(job, attempts),
        worker_ids=worker_ids(job, attempts),
        raw_metadata=metadata_of(job),
    )
    if job.state is State.SUCCEEDED:
        change(result, _return_value=result_of(job, cipher))
    return result


_ENDED = frozenset(state for state, name in DJANGO_NAMES.items() if name in ("SUCCESSFUL", "FAILED"))


def plain(arguments: Any) -> Any:
    """Return arguments as a result of Django can hold them: dates and the like, which ``delay()`` takes, as tagged JSON."""
    try:
        return normalize_json(arguments)
    except TypeError:
        return tagged(arguments, "arguments")


def as_enqueued(task: Task, job: Job) -> Task:
    """Return a job's Task with what was said at its enqueueing."""
    due = moment(job.run_at) if job.run_at is not None and not job.attempts else None
    if due is None and job.headers is None and job.priority == task.priority and job.queue == task.queue_name:
        return task  # as almost always
    return variant(task, priority=job.priority, queue_name=job.queue, run_after=due, backend=backend_of(task, job))


def backend_of(task: Task, job: Job) -> str:
    """Return the alias of the backend that a job was enqueued with."""
    return str(_header(job).get("backend", task.backend))


def metadata_of(job: Job) -> dict[str, Any]:
    """Return a job's metadata: what was saved last, else what it began with."""
    saved = (job.progress or {}).get("metadata")
    found = _header(job).get("metadata") if saved is None else saved
    return dict(found) if isinstance(found, Mapping) else {}


def _header(job: Job) -> Mapping[str, Any]:
    found = (job.headers or {}).get(HEADER)
    return found if isinstance(found, Mapping) else {}


def errors_of(job: Job, attempts: Sequence[Attempt]) -> list[TaskError]:
    """Return the error of every attempt that did not end well, the oldest first."""
    failures = [attempt.failure for attempt in attempts if attempt.failure is not None and attempt.state is not State.SUCCEEDED]
    if not failures and job.state is State.FAILED and job.result is not None:
        failures = [decode_failure(job.result)]
    if not failures and job.state in (State.CANCELLED, State.EXPIRED):
        failures = [REVOKED]
    return [error_of(failure, job.state) for failure in failures]


def error_of(failure: Failure, state: State = State.FAILED) -> TaskError:
    """Return a failure in Django's form; one without a traceback with what it says."""
    said = failure.message or state.value
    return TaskError(
        exception_class_path=f"{failure.module}.{failure.type}", traceback=failure.traceback or f"{failure.type}: {said}\n"
    )


def error_from(error: BaseException) -> TaskError:
    """Return an exception in Django's form."""
    return error_of(describe(error))


def worker_ids(job: Job, attempts: Sequence[Attempt]) -> list[str]:
    """Return the worker of every attempt, one that runs among them. Django counts attempts by their number."""
    many = job.attempts + (job.state is State.RUNNING)
    named = [attempt.worker for attempt in attempts][:many]
    return [worker or job.worker or "" for worker in (*named, *[None] * (many - len(named)))]


def moment(seconds: float | None) -> datetime | None:
    """Return seconds since 1970 UTC as Django's settings want times: aware, or naive without ``USE_TZ``."""
    if seconds is None:
        return None
    aware = datetime.fromtimestamp(seconds, UTC)
    return aware if settings.USE_TZ else timezone.make_naive(aware)
