"""What became of a job: ``AsyncResult`` asks the store, ``EagerResult`` already knows (celery.result)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from celeriac import states
from celeriac.current import current_app
from celeriac.engine.brokers.base import Cancel
from celeriac.engine.codec import decode_failure, decode_payload, decode_result, untagged
from celeriac.engine.errors import CeleriacError, JobParked, TaskRevokedError, UnreadablePayload
from celeriac.engine.errors import TimeoutError as ResultTimeout
from celeriac.engine.job import TERMINAL, Job, State, celery_name
from celeriac.engine.outcome import Attempt
from celeriac.engine.request import running_request
from celeriac.rebuild import exception_from

R = TypeVar("R")

_join_allowed: ContextVar[bool] = ContextVar("celeriac_join_allowed", default=False)

WOULD_BLOCK = (
    "Never call result.get() within a task: the task waits for another while it holds a slot, and with every slot so taken"
    " nothing runs any more. Enqueue what comes next from the other task, or, where you know better, say"
    " with allow_join_result(): ..."
)


@contextmanager
def allow_join_result() -> Iterator[None]:
    """Allow ``get()`` inside a task."""
    token = _join_allowed.set(True)
    try:
        yield
    finally:
        _join_allowed.reset(token)


@contextmanager
def denied_join_result() -> Iterator[None]:
    """Refuse it again."""
    token = _join_allowed.set(False)
    try:
        yield
    finally:
        _join_allowed.reset(token)


def assert_will_not_block() -> None:
    """Raise ``RuntimeError`` inside a task."""
    if not _join_allowed.get() and running_request() is not None:
        raise RuntimeError(WOULD_BLOCK)


class ResultBase:
    """Base of the results, so that ``isinstance`` knows them."""

    parent: Any = None


class AsyncResult(ResultBase, Generic[R]):
    """The result of a job, known by its id alone. ``str(result)`` is the id.

    Each property reads the store, until the job has ended: then the record is kept here.
    """

    TimeoutError = ResultTimeout

    def __init__(self, id: str, backend: Any = None, task_name: str | None = None, app: Any = None, parent: Any = None) -> None:
        if id is None:
            raise ValueError("AsyncResult needs the id of a job, not None.")
        self.id = id if type(id) is str else str(id)
        self._app = app
        self._name = task_name
        self._parent = parent
        self._record: Job | None = None
        self.ignored = False
        """True where the result is not kept, so that ``get`` returns None at once."""

    @property
    def app(self) -> Any:
        """The app that the job belongs to."""
        return self._app or current_app()

    @property
    def task_id(self) -> str:
        """The same as ``id``."""
        return self.id

    # -- the record ------------------------------------------------------------------------------------------------------------

    def record(self) -> Job | None:
        """Return all that the store knows of the job, or None for an unknown id."""
        if self._record is None:
            job: Job | None = self.app.broker().get(self.id)
            if job is None or job.state not in TERMINAL:
                return job
            self._record = job
        return self._record

    def attempts(self) -> list[Attempt]:
        """Return what is kept of the attempts, the oldest first: times, errors, tracebacks and logs."""
        attempts: list[Attempt] = self.app.broker().attempts(self.id)
        return attempts

    def exists(self) -> bool:
        """Return whether the store knows the id. ``PENDING`` alone does not tell."""
        return self.record() is not None

    @property
    def state(self) -> str:
        """Celery's name for where the job is. PENDING for an unknown id."""
        job = self.record()
        return states.PENDING if job is None else self._state_of(job)

    status = state

    def _state_of(self, job: Job) -> str:
        own = (job.progress or {}).get("state")
        if own and (job.state is State.RUNNING or self._was_ignored(job)):
            return str(own)
        return celery_name(job.state, job.attempts)

    def _was_ignored(self, job: Job) -> bool:
        """Return whether the task set a state of its own and then raised ``Ignore``, so that this state is its last."""
        if job.state is not State.SUCCEEDED or job.result is not None:
            return False
        attempts = self.attempts()
        return bool(attempts and attempts[-1].failure is not None and attempts[-1].failure.type == "Ignore")

    @property
    def result(self) -> Any:
        """The return value; the exception of a job that failed, was revoked or is to be retried; what ``update_state`` said."""
        job = self.record()
        return None if job is None else self._result_of(job)

    info = result

    def _result_of(self, job: Job) -> Any:
        state = self._state_of(job)
        if job.state is State.SUCCEEDED and state == states.SUCCESS:
            return decode_result(job.result) if job.result is not None else None
        if job.state is State.FAILED:
            return exception_from(decode_failure(job.result)) if job.result is not None else CeleriacError("The job failed.")
        if job.state in (State.CANCELLED, State.EXPIRED):
            return TaskRevokedError("expired" if job.state is State.EXPIRED else self._why("revoked"))
        if state == states.RETRY:
            return self._last_error()
        return untagged((job.progress or {}).get("meta"))

    def _why(self, otherwise: str) -> str:
        failure = next((attempt.failure for attempt in reversed(self.attempts()) if attempt.failure is not None), None)
        return failure.message if failure is not None and failure.message else otherwise

    def _last_error(self) -> Exception | None:
        failures = [attempt.failure for attempt in self.attempts() if attempt.failure is not None]
        return exception_from(failures[-1]) if failures else None

    @property
    def progress(self) -> dict[str, Any] | None:
        """``{"done": .., "total": .., "message": ..}`` as the task last said it, or None."""
        said = (job.progress if (job := self.record()) is not None else None) or {}
        return {key: said.get(key) for key in ("done", "total", "message")} if "done" in said else None

    @property
    def traceback(self) -> str | None:
        """The traceback of the last attempt that failed."""
        failures = [attempt.failure for attempt in self.attempts() if attempt.failure is not None]
        return failures[-1].traceback or None if failures else None

    @property
    def date_done(self) -> datetime | None:
        """When the job ended."""
        job = self.record()
        return datetime.fromtimestamp(job.finished, UTC) if job is not None and job.finished is not None else None

    @property
    def name(self) -> str | None:
        """The name of the task."""
        job = self.record()
        return job.task if job is not None else self._name

    task_name = name

    def _arguments(self) -> tuple[list[Any], dict[str, Any]] | tuple[None, None]:
        job = self.record()
        if job is None:
            return None, None
        try:
            return decode_payload(job.payload)[:2]
        except UnreadablePayload:
            return None, None

    @property
    def args(self) -> list[Any] | None:
        """The positional arguments."""
        return self._arguments()[0]

    @property
    def kwargs(self) -> dict[str, Any] | None:
        """The keyword arguments."""
        return self._arguments()[1]

    @property
    def worker(self) -> str | None:
        """The name of the worker that ran the job last."""
        return job.worker if (job := self.record()) is not None else None

    @property
    def retries(self) -> int | None:
        """How often the job was retried."""
        job = self.record()
        return None if job is None else max(0, job.attempts - (job.state in TERMINAL))

    @property
    def queue(self) -> str | None:
        """The queue the job went through."""
        return job.queue if (job := self.record()) is not None else None

    @property
    def parent(self) -> Any:
        """The result of the job that enqueued this one."""
        if self._parent is None and (job := self.record()) is not None and job.parent is not None:
            self._parent = AsyncResult[Any](job.parent, app=self._app)
        return self._parent

    @property
    def children(self) -> list[AsyncResult[Any]]:
        """The results of the jobs that this one enqueued, the oldest first."""
        jobs = self.app.broker().find({"parent": self.id}, 1000)
        return [AsyncResult(job.id, task_name=job.task, app=self._app) for job in reversed(jobs)]

    # -- questions -------------------------------------------------------------------------------------------------------------

    def ready(self) -> bool:
        """Return whether the job has ended."""
        job = self.record()
        return job is not None and job.state in TERMINAL

    def successful(self) -> bool:
        """Return whether it ended well."""
        return self.state == states.SUCCESS

    def failed(self) -> bool:
        """Return whether it failed."""
        return self.state == states.FAILURE

    # -- waiting ---------------------------------------------------------------------------------------------------------------

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float = 0.5,
        no_ack: bool = True,
        follow_parents: bool = True,
        callback: Callable[[str, Any], Any] | None = None,
        on_message: Any = None,
        on_interval: Any = None,
        disable_sync_subtasks: bool = True,
        **_: Any,
    ) -> R:
        """Wait until the job has ended and return its value, at most ``timeout`` seconds; woken by the store, not by polling.

        Raises the job's exception (with ``propagate``), ``TaskRevokedError``, ``JobParked``,
        ``celeriac.exceptions.TimeoutError``;
        ``RuntimeError`` inside a task. ``interval``, ``no_ack`` and the ``on_`` functions are Celery's and change nothing.
        """
        if self.ignored:
            return None  # type: ignore[return-value]  # as Celery: no result is kept, so there is no R
        if disable_sync_subtasks:
            assert_will_not_block()
        job = self._wait(timeout)
        value = self._outcome_of(job, propagate)
        if callback is not None:
            callback(self.id, value)
        return value  # type: ignore[no-any-return]  # what the task returned: R

    wait = get

    def _wait(self, timeout: float | None) -> Job:
        if self._record is not None:
            return self._record
        job: Job | None = self.app.broker().wait(self.id, timeout)
        if job is None:
            raise ResultTimeout(f"The job {self.id} had not ended after {timeout} s; it is {self.state}.")
        if job.state in TERMINAL:
            self._record = job
        return job

    def _outcome_of(self, job: Job, propagate: bool) -> Any:
        if job.state is State.PARKED:
            raise JobParked(job.id, job.task, self._why("for a reason that is not kept."))
        value = self._result_of(job)
        if propagate and isinstance(value, BaseException) and self._state_of(job) in states.PROPAGATE_STATES:
            raise value
        return value

    async def aget(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the same parameter as get's
        propagate: bool = True,
        disable_sync_subtasks: bool = True,
    ) -> R:
        """``get`` for coroutines.

        It waits in a thread of its own, so an ``async def`` task may use it inside ``allow_join_result``.
        """
        if disable_sync_subtasks:
            assert_will_not_block()
        return await asyncio.to_thread(self._get_in_thread, timeout, propagate)

    def _get_in_thread(self, timeout: float | None, propagate: bool) -> R:
        try:
            return self.get(timeout, propagate, disable_sync_subtasks=False)
        finally:
            self.app.release_thread()

    def maybe_throw(self, propagate: bool = True, callback: Any = None) -> Any:
        """Raise the job's exception if it has failed; return what is known otherwise."""
        job = self.record()
        return None if job is None or job.state not in TERMINAL else self._outcome_of(job, propagate)

    maybe_reraise = maybe_throw

    def collect(self, intermediate: bool = False, **kwargs: Any) -> Iterator[tuple[AsyncResult[Any], Any]]:
        """Wait for the job, then for those it enqueued, and so on; yield each with its value."""
        yield self, self.get(**kwargs)
        for child in self.children:
            yield from child.collect(intermediate, **kwargs)

    def get_leaf(self) -> Any:
        """Return the value of the last of the jobs that follow from this one."""
        value = None
        for _, value in self.collect():  # noqa: B007 - the last one is what is asked for
            pass
        return value

    # -- control ---------------------------------------------------------------------------------------------------------------

    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: Any = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Cancel the job. One that runs already is ended only with ``terminate``, by whichever means its pool has."""
        self.app.broker().control(Cancel((self.id,), terminate))
        if wait:
            deadline = timeout if timeout is not None else 10.0
            self.app.broker().wait(self.id, deadline)

    def forget(self) -> None:
        """Delete the record of the job, once it has ended."""
        self._record = None
        self.app.broker().forget([self.id])

    # -- looks -----------------------------------------------------------------------------------------------------------------

    def as_tuple(self) -> Any:
        """Return what ``result_from_tuple`` takes back."""
        parent = self._parent
        return (self.id, parent.as_tuple() if parent is not None else None), None

    def as_list(self) -> list[str]:
        """Return the id and those of the parents known here."""
        return [self.id, *(self._parent.as_list() if self._parent is not None else [])]

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.id}>"

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AsyncResult):
            return self.id == other.id
        return self.id == other if isinstance(other, str) else NotImplemented

    def __reduce__(self) -> Any:
        return type(self), (self.id, None, self._name, None, self._parent)


class EagerResult(AsyncResult[R]):
    """The result of a task that ran in the caller's process: known from the beginning."""

    def __init__(
        self, id: str, ret_value: Any, state: str, traceback: str | None = None, name: str | None = None, app: Any = None
    ) -> None:
        super().__init__(id, task_name=name, app=app)
        self._value = ret_value
        self._eager_state = state
        self._traceback = traceback
        self._progress: dict[str, Any] | None = None
        self._finished = time.time()

    def record(self) -> Job | None:
        """There is no record: nothing was enqueued."""
        return None

    @property
    def state(self) -> str:
        """How it ended."""
        return self._eager_state

    status = state

    @property
    def result(self) -> Any:
        """The return value itself, or the exception."""
        return self._value

    info = result

    @property
    def traceback(self) -> str | None:
        """The traceback, where it failed."""
        return self._traceback

    @property
    def progress(self) -> dict[str, Any] | None:
        """What the task last said."""
        said = self._progress or {}
        return {key: said.get(key) for key in ("done", "total", "message")} if "done" in said else None

    @property
    def date_done(self) -> datetime | None:
        """When it ended."""
        return datetime.fromtimestamp(self._finished, UTC)

    @property
    def name(self) -> str | None:
        """The name of the task."""
        return self._name

    @property
    def children(self) -> list[AsyncResult[Any]]:
        """None are known."""
        return []

    @property
    def supports_native_join(self) -> bool:
        """As Celery has it."""
        return False

    def exists(self) -> bool:
        """Always True."""
        return True

    def ready(self) -> bool:
        """Always True, once it ran."""
        return self._eager_state != states.PENDING

    def get(self, timeout: float | None = None, propagate: bool = True, *_: Any, **__: Any) -> R:
        """Return the value, or raise the exception (with ``propagate``)."""
        if propagate and self._eager_state in states.PROPAGATE_STATES:
            raise self._value if isinstance(self._value, BaseException) else CeleriacError(str(self._value))
        return self._value  # type: ignore[no-any-return]  # what the task returned: R

    wait = get

    async def aget(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the same parameter as get's
        propagate: bool = True,
        disable_sync_subtasks: bool = True,
    ) -> R:
        """Return the value at once."""
        return self.get(timeout, propagate)

    def maybe_throw(self, propagate: bool = True, callback: Any = None) -> Any:
        """Raise the exception, or return the value."""
        return self.get(propagate=propagate)

    maybe_reraise = maybe_throw

    def revoke(self, *_: Any, **__: Any) -> None:
        """Too late for the task; the result becomes ``TaskRevokedError``, as in Celery 5.7."""
        self._eager_state, self._value = states.REVOKED, TaskRevokedError("revoked")

    def forget(self) -> None:
        """Nothing is kept."""

    def __repr__(self) -> str:
        return f"<EagerResult: {self.id}>"

    def __reduce__(self) -> Any:
        return type(self), (self.id, self._value, self._eager_state, self._traceback, self._name)


def result_from_tuple(value: Any, app: Any = None) -> AsyncResult[Any]:
    """Return a result from what ``as_tuple`` gave. Raises ``NotInThisVersion`` for a group."""
    if isinstance(value, ResultBase):
        return value  # type: ignore[return-value]  # the base has one kind of children
    result, children = value
    if children:
        from celeriac.exceptions import NotInThisVersion

        raise NotInThisVersion("Results of groups come with workflows; these are not in this version.")
    id, parent = result if isinstance(result, list | tuple) else (result, None)
    return AsyncResult(id, app=app, parent=result_from_tuple(parent, app) if parent else None)
