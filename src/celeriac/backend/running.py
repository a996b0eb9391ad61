"""The result of the job that runs in this thread or coroutine, kept with its request from the first look to the end."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.utils import timezone

from celeriac.backend.context import JobContext
from celeriac.backend.djangotasks import Task, TaskResultStatus
from celeriac.backend.result import (
    JobResult,
    as_enqueued,
    backend_of,
    change,
    error_from,
    errors_of,
    metadata_of,
    moment,
    plain,
    worker_ids,
)
from celeriac.current import current_app
from celeriac.engine.ids import made_at
from celeriac.engine.job import Job
from celeriac.engine.outcome import Attempt, Outcome
from celeriac.engine.request import Request

T = TypeVar("T")
_KEY = "django_task_result"

ended_here: contextvars.ContextVar[tuple[str, Sequence[Outcome]]] = contextvars.ContextVar("ended_here", default=("", ()))
"""The id of the job that runs in its caller's process, and what its attempts ended in: no store has them."""


def running_result(task: Task, request: Request) -> JobResult:
    """Return the result of the attempt that runs, made at the first call. Of a retry, the store is asked what went before."""
    found: JobResult | None = vars(request).get(_KEY)
    if found is None:
        found = vars(request)[_KEY] = _result(task, request)
    return found


def context_of(task: Task, request: Request) -> JobContext:
    """Return what the function of the running attempt is given."""
    result = running_result(task, request)
    return JobContext(task_result=result, job=request, metadata=result.metadata)


def _result(task: Task, request: Request) -> JobResult:
    job = request.job
    assert job is not None
    attempts = _before(job, request)
    now = timezone.now()
    made = made_at(job.id)
    return JobResult(
        task=as_enqueued(task, job),
        id=job.id,
        status=TaskResultStatus.RUNNING,
        enqueued_at=moment(made) if made is not None else None,
        started_at=moment(attempts[0].started) if attempts else now,
        last_attempted_at=now,
        finished_at=None,
        args=plain(request.args),
        kwargs=plain(request.kwargs),
        backend=backend_of(task, job),
        errors=errors_of(job, attempts),
        worker_ids=[*worker_ids(job, attempts)[: job.attempts], request.hostname],
        raw_metadata=metadata_of(job),
    )


def _before(job: Job, request: Request) -> Sequence[Attempt]:
    """Return the attempts before this one. Of a job that was saving metadata, take that over: the next report holds all."""
    if not job.attempts:
        return ()
    record, attempts = (job, _ended_here(job.id)) if request.is_eager else outside_loop(lambda: _read(job.id))
    saved = (record.progress or {}).get("metadata") if record is not None else None
    if saved is not None:
        job.progress = request.progress = {"metadata": saved}
    return attempts


def _ended_here(id: str) -> list[Attempt]:
    running, outcomes = ended_here.get()
    return attempts_of(outcomes) if running == id else []


def attempts_of(outcomes: Sequence[Outcome]) -> list[Attempt]:
    """Return the attempts of a job as a store would remember them."""
    return [
        Attempt(
            index=index, state=outcome.state, started=outcome.started, finished=outcome.finished, worker=outcome.worker,
            failure=outcome.failure,
        )
        for index, outcome in enumerate(outcomes)
    ]  # fmt: skip


def _read(id: str) -> tuple[Job | None, Sequence[Attempt]]:
    broker = current_app().broker()
    return broker.get(id), broker.attempts(id)


def finish(result: JobResult, value: Any, error: BaseException | None) -> None:
    """Make the result of the running attempt one that has ended: with a value, or with an error."""
    status = TaskResultStatus.SUCCESSFUL if error is None else TaskResultStatus.FAILED
    change(result, status=status, finished_at=timezone.now())
    if error is None:
        change(result, _return_value=value)
    else:
        result.errors.append(error_from(error))


def _is_on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def outside_loop(function: Callable[[], T]) -> T:
    """Call what may use the database: on an event loop, where Django refuses that, in a thread of its own."""
    if not _is_on_loop():
        return function()
    ended: list[Any] = []
    context = contextvars.copy_context()

    def call() -> None:
        try:
            ended.append((context.run(function), None))
        except Exception as error:  # noqa: BLE001 - it is raised in the thread that asked
            ended.append((None, error))
        finally:
            current_app().release_thread()

    thread = threading.Thread(target=call, name="celeriac-django-tasks")
    thread.start()
    thread.join()
    value, error = ended[0]
    if error is not None:
        raise error
    return value  # type: ignore[no-any-return]  # what function returned
