"""One job, shown whole: what it was asked to do, what became of each attempt, what it left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from celeriac.cli.durations import iso, moment, span
from celeriac.cli.tables import clean, clean_lines, say
from celeriac.engine.codec import decode_failure, decode_payload, decode_result
from celeriac.engine.encryption import arguments_of, is_encrypted, result_of
from celeriac.engine.errors import UnreadablePayload
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Attempt
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery

ENCRYPTED = "(encrypted; --reveal shows it)"


def job_json(job: Job, worker: str | None) -> dict[str, Any]:
    """Return a job for programs, in a list."""
    return {
        "id": job.id, "state": job.state.value, "task": job.task, "queue": job.queue, "priority": job.priority,
        "attempts": job.attempts, "created": iso(job.created), "run_at": iso(job.run_at), "started": iso(job.started),
        "finished": iso(job.finished), "expires": iso(job.expires), "worker": worker, "parent": job.parent,
        "root": job.root, "schedule": job.schedule, "progress": job.progress,
    }  # fmt: skip


def whole_json(app: Celery, job: Job, reveal: bool = False) -> dict[str, Any]:
    """Return a job for programs, with arguments, attempts and result."""
    from celeriac.jobs import relatives, worker_name

    args, kwargs = _arguments(app, job, reveal)
    return {
        **job_json(job, worker_name(app, job)),
        "args": args, "kwargs": kwargs, "headers": job.headers, "metadata": job.metadata,
        "result": _result(app, job, reveal),
        "history": [_attempt_json(each) for each in app.broker().attempts(job.id)],
        **msgspec.structs.asdict(relatives(app, job)),
    }  # fmt: skip


def _attempt_json(attempt: Attempt) -> dict[str, Any]:
    failure = attempt.failure
    return {
        "attempt": attempt.index, "state": attempt.state.value, "started": iso(attempt.started),
        "finished": iso(attempt.finished), "worker": attempt.worker, "log": attempt.log,
        "error": failure and f"{failure.type}: {failure.message}", "traceback": failure and failure.traceback,
    }  # fmt: skip


def _arguments(app: Celery, job: Job, reveal: bool) -> tuple[Any, Any]:
    if is_encrypted(job.payload) and not reveal:
        return ENCRYPTED, ENCRYPTED
    try:
        return (arguments_of(job, app.cipher) if reveal else decode_payload(job.payload))[:2]
    except UnreadablePayload as error:
        return str(error), None


def _result(app: Celery, job: Job, reveal: bool) -> Any:
    if job.result is None:
        return None
    try:
        if job.state is State.FAILED:
            failure = decode_failure(job.result)
            return f"{failure.type}: {failure.message}"
        if is_encrypted(job.result) and not reveal:
            return ENCRYPTED
        return result_of(job, app.cipher) if reveal else decode_result(job.result)
    except UnreadablePayload as error:
        return str(error)


def show_job(app: Celery, job: Job, reveal: bool) -> None:
    """Print a job for people."""
    fields = whole_json(app, job, reveal)
    times = {name: moment(getattr(job, name)) for name in ("created", "run_at", "started", "finished", "expires")}
    for name, value in {**fields, **times}.items():
        if name != "history" and value not in (None, "-", [], {}, 0):
            say(f"{name:<12}{clean(value if isinstance(value, str) else repr(value) if name in _REPR else value)}")
    for attempt in app.broker().attempts(job.id):
        _show_attempt(attempt)
    say()


_REPR = frozenset({"args", "kwargs", "result", "headers", "metadata", "progress"})


def _show_attempt(attempt: Attempt) -> None:
    took = span(attempt.finished - attempt.started) if attempt.finished and attempt.started else "-"
    text = _("attempt {n}: {state} at {time} after {took}, on {worker}")
    say()
    say(text.format(
        n=attempt.index, state=attempt.state.value, time=moment(attempt.finished), took=took, worker=clean(attempt.worker)
    ))  # fmt: skip
    if attempt.failure is not None:
        say(clean_lines(attempt.failure.traceback or f"{attempt.failure.type}: {attempt.failure.message}"))
    if attempt.log:
        say(_("log:"))
        say(clean_lines(attempt.log))
