"""What runs after a job: the callbacks of ``link``, and those of ``link_error``.

They are pushed in the operation that settles the job, so they run when and only when its outcome is kept. The id of each is
derived from the job's id, so that a settle done twice makes no second one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from celeriac.arguments import takes_only_one
from celeriac.calling import build_job
from celeriac.canvas import Signature, signature
from celeriac.current import current_app
from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.codec import decode_failure, encode_failure
from celeriac.engine.ids import derived_id
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Failure
from celeriac.engine.request import Request
from celeriac.rebuild import exception_from

logger = logging.getLogger("celeriac.attempt")

ERRBACK = "errback"
"""Marks, in what travels with the arguments, a job whose arguments ``prepare`` turns into objects."""


def build_follow_ups(attempt: Attempt) -> tuple[Job, ...]:
    """Return the jobs that this end of an attempt asks for: a ``FollowUps`` of the engine. Never raises."""
    jobs = []
    if attempt.state is State.SUCCEEDED and attempt.error is None:
        steps = [(f"callback-{n}", link, _callback) for n, link in enumerate(attempt.embed.get("callbacks") or ())]
    elif attempt.state is State.FAILED:
        steps = [(f"errback-{n}", link, _errback) for n, link in enumerate(attempt.embed.get("errbacks") or ())]
    else:
        steps = []
    for step, link, build in steps:
        try:
            jobs.append(build(attempt, link, derived_id(attempt.job.id, step)))
        except Exception:  # noqa: BLE001 - whatever is wrong with a link, the job itself has ended so
            logger.exception("The %s of %s[%s] cannot be enqueued: %r", step, attempt.job.task, attempt.job.id, link)
    return tuple(jobs)


def _callback(attempt: Attempt, link: Mapping[str, Any], id: str) -> Job:
    """``callback(result, *its own arguments)``, or its own arguments alone where it is immutable."""
    linked = signature(link)
    return _job(attempt, linked, [] if linked.immutable else [attempt.value], id)


def _errback(attempt: Attempt, link: Mapping[str, Any], id: str) -> Job:
    """``errback(id)`` for a task of one parameter or one unknown here, else ``errback(request, exception, traceback)``."""
    linked = signature(link)
    task = current_app().tasks.get(linked.task)
    if linked.immutable:
        return _job(attempt, linked, [], id)
    if task is None or takes_only_one(task.run):
        return _job(attempt, linked, [attempt.job.id], id)
    assert attempt.failure is not None
    about = {"args": attempt.args, "kwargs": attempt.kwargs, "retries": attempt.job.attempts, "queue": attempt.job.queue}
    failure = encode_failure(attempt.failure).decode()
    return _job(attempt, linked, [about, failure, attempt.failure.traceback], id, {ERRBACK: True})


def _job(attempt: Attempt, linked: Signature, first: list[Any], id: str, mark: dict[str, Any] | None = None) -> Job:
    app = current_app()
    options = {**linked.options, "task_id": linked.options.get("task_id") or id}
    options.setdefault("parent_id", attempt.job.id)
    options.setdefault("root_id", attempt.job.root or attempt.job.id)
    return build_job(app, linked.task, app.tasks.get(linked.task), [*first, *linked.args], linked.kwargs, options, mark or {})


def prepare(attempt: Attempt) -> None:
    """Turn the first three arguments of an error callback into what Celery passes: request, exception, traceback."""
    if not attempt.embed.get(ERRBACK) or len(attempt.args) < 3:
        return
    about, failure, traceback = attempt.args[:3]
    failed = Job(
        id=attempt.job.parent or "", task="", queue=about.get("queue", ""), payload=b"", attempts=about.get("retries", 0),
        root=attempt.job.root, headers=attempt.job.headers,
    )  # fmt: skip
    request = Request(failed, "", about.get("args", ()), about.get("kwargs", {}))
    error = exception_from(_failure(failure))
    attempt.args = [request, error, Traceback(traceback), *attempt.args[3:]]


def _failure(text: str) -> Failure:
    return decode_failure(text.encode())


class Traceback(str):
    """The text of a traceback, where Celery passes the traceback itself."""

    __slots__ = ()

    @property
    def tb(self) -> TracebackType | None:
        """Always None: the frames stayed in the process that had them."""
        return None
