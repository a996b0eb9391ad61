"""What runs after a job: the callbacks of ``link``, and those of ``link_error``.

They are pushed in the operation that settles the job, so they run when and only when its outcome is kept. The id of each is
derived from the job's id, so that a settle done twice makes no second one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

from celeriac import signals
from celeriac.arguments import takes_only_one
from celeriac.calling import announce, build_job
from celeriac.canvas import Signature, signature
from celeriac.conf.routes import Router
from celeriac.current import current_app
from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.codec import decode_failure, encode_failure
from celeriac.engine.encryption import arguments_of, is_encrypted
from celeriac.engine.errors import MessageRefused, UnreadablePayload
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
    if attempt.state is State.SUCCEEDED and attempt.error is None:
        return _each(attempt.job, "callback", attempt.embed, lambda linked: _callback(attempt, linked))
    if attempt.state is State.FAILED:
        assert attempt.failure is not None
        ended = _Ended(attempt.job, attempt.args, attempt.kwargs, attempt.failure)
        return _each(attempt.job, "errback", attempt.embed, lambda linked: _errback(ended, linked))
    return ()


def follow_failure(job: Job, failure: Failure) -> tuple[Job, ...]:
    """Return the error callbacks of a job whose process was killed, so that no attempt of it ended. Never raises.

    The keeper asks, so no code of the project runs here: all is read from the job's record, and routes that are functions
    are left out.
    """
    app = current_app()
    try:
        if app.signer is not None:  # what follows would be signed by us, whoever asks for it
            app.signer.verify(job, app.clock.wall())
        args, kwargs, embed = arguments_of(job, app.cipher)
    except (MessageRefused, UnreadablePayload) as error:
        logger.error("The error callbacks of %s[%s] cannot be read: %s", job.task, job.id, error)
        return ()
    router = app.router.written
    return _each(job, "errback", embed, lambda linked: _errback(_Ended(job, args, kwargs, failure), linked), router)


class _Ended(NamedTuple):
    """What an error callback is told of a failed job."""

    job: Job
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    failure: Failure


class _Call(NamedTuple):
    """What comes before the callback's own arguments, and the marks that travel with them."""

    first: list[Any]
    marks: dict[str, Any]


def _each(
    job: Job, kind: str, embed: Mapping[str, Any], call: Callable[[Signature], _Call], router: Router | None = None
) -> tuple[Job, ...]:
    """Return a job for each link of a kind, as far as it can be built."""
    jobs = []
    for number, link in enumerate(embed.get(f"{kind}s") or ()):
        try:
            linked = signature(link)
            built = _job(job, linked, call(linked), derived_id(job.id, f"{kind}-{number}"), router)
            if router is None and signals.before_task_publish.receivers:  # with one we are in the keeper: see above
                announce(current_app(), built)
            jobs.append(built)
        except Exception:
            logger.exception("The %s-%d of %s[%s] cannot be enqueued: %r", kind, number, job.task, job.id, link)
    return tuple(jobs)


def _callback(attempt: Attempt, linked: Signature) -> _Call:
    """``callback(result, *its own arguments)``, or its own arguments alone where it is immutable."""
    return _Call([] if linked.immutable else [attempt.value], {})


def _errback(ended: _Ended, linked: Signature) -> _Call:
    """``errback(id)`` for a task of one parameter or one unknown here, else ``errback(request, exception, traceback)``."""
    if linked.immutable:
        return _Call([], {})
    task = current_app().tasks.get(linked.task)
    if task is None or takes_only_one(task.run):
        return _Call([ended.job.id], {})
    about = {"args": ended.args, "kwargs": ended.kwargs, "retries": ended.job.attempts, "queue": ended.job.queue}
    return _Call([about, encode_failure(ended.failure).decode(), ended.failure.traceback], {ERRBACK: True})


def _job(job: Job, linked: Signature, call: _Call, id: str, router: Router | None) -> Job:
    app = current_app()
    options = {**linked.options, "task_id": linked.options.get("task_id") or id}
    options.setdefault("parent_id", job.id)
    options.setdefault("root_id", job.root or job.id)
    args = [*call.first, *linked.args]
    task, hidden = app.tasks.get(linked.task), app.cipher is not None and is_encrypted(job.payload)
    return build_job(app, linked.task, task, args, linked.kwargs, options, call.marks, router, encrypted=hidden)


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
