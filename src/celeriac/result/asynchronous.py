"""``AsyncResult``: the result of a job, asked for from anywhere (celery.result)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Generic, NoReturn, TypeVar, overload

from celeriac import states
from celeriac.conf.results import DISABLED
from celeriac.engine.brokers.base import Cancel
from celeriac.engine.errors import JobParked
from celeriac.engine.errors import TimeoutError as ResultTimeout
from celeriac.engine.job import TERMINAL, Job, State
from celeriac.engine.translation import gettext as _
from celeriac.exceptions import IncompleteStream, NotInThisVersion, ResultsDisabled
from celeriac.result.joining import assert_will_not_block
from celeriac.result.record import Recorded

R = TypeVar("R")
V = TypeVar("V")


class ResultBase:
    """Base of the results, so that ``isinstance`` knows them."""


class AsyncResult(ResultBase, Recorded, Generic[R]):
    """The result of a job, known by its id alone. ``str(result)`` is the id.

    Each property reads the store, until the job has ended: then the record is kept here.
    """

    TimeoutError = ResultTimeout

    def __init__(self, id: str, backend: Any = None, task_name: str | None = None, app: Any = None, parent: Any = None) -> None:
        if id is None:
            raise ValueError(_("AsyncResult needs the id of a job, not None."))
        self.id = id if type(id) is str else str(id)
        self._app = app
        self._name = task_name
        self._parent = parent
        self._record: Job | None = None
        self.ignored = False
        """True where the result is not kept, so that ``get`` returns None at once."""

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

    # -- questions ---------------------------------------------------------------------------------------------------------

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

    # -- waiting -----------------------------------------------------------------------------------------------------------

    @overload  # of an async def task: what its coroutine returns
    def get(self: AsyncResult[Coroutine[Any, Any, V]], *args: Any, **kwargs: Any) -> V: ...
    @overload
    def get(self, timeout: float | None = None, propagate: bool = True, *args: Any, **kwargs: Any) -> R: ...

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
    ) -> Any:
        """Wait until the job has ended and return its value, at most ``timeout`` seconds; woken by the store, not by polling.

        Raises the job's exception (with ``propagate``), ``TaskRevokedError``, ``JobParked``,
        ``celeriac.exceptions.TimeoutError``, ``ResultsDisabled``; ``RuntimeError`` inside a task. ``interval``, ``no_ack`` and
        the ``on_`` functions are Celery's and change nothing.
        """
        if self.ignored:
            self._refuse_disabled()
            return None
        if disable_sync_subtasks:
            assert_will_not_block()
        job = self._wait(timeout)
        value = self._outcome_of(job, propagate)
        if value is None and job.result is None:
            self._refuse_disabled()
        if callback is not None:
            callback(self.id, value)
        return value

    wait = get

    def _wait(self, timeout: float | None) -> Job:
        if self._record is not None:
            return self._record
        job: Job | None = self.app.broker().wait(self.id, timeout)
        if job is None:
            raise ResultTimeout(
                _("The job {id} had not ended after {timeout} s; it is {state}.").format(
                    id=self.id, timeout=timeout, state=self.state
                )
            )
        if job.state in TERMINAL:
            self._record = job
        return job

    def _refuse_disabled(self) -> None:
        """Raise ``ResultsDisabled`` where the project, rather than the task, keeps no values."""
        settings = self.app.settings
        if settings.result_backend in DISABLED:
            raise ResultsDisabled(
                _(
                    "The job {id} has no value to return: CELERY_RESULT_BACKEND is {backend!r}, so none are kept. Remove the"
                    " setting to keep them with their jobs, or declare the task with ignore_result=False."
                ).format(id=self.id, backend=settings.result_backend)
            )

    def _outcome_of(self, job: Job, propagate: bool) -> Any:
        if job.state is State.PARKED:
            raise JobParked(job.id, job.task, self._why("for a reason that is not kept."))
        value = self._result_of(job)
        if propagate and isinstance(value, BaseException) and self._state_of(job) in states.PROPAGATE_STATES:
            raise value
        return value

    @overload
    async def aget(self: AsyncResult[Coroutine[Any, Any, V]], *args: Any, **kwargs: Any) -> V: ...
    @overload
    async def aget(self, timeout: float | None = None, propagate: bool = True, disable_sync_subtasks: bool = True) -> R: ...  # noqa: ASYNC109 - as below

    async def aget(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the same parameter as get's
        propagate: bool = True,
        disable_sync_subtasks: bool = True,
    ) -> Any:
        """``get`` for coroutines.

        It waits in a thread of its own, so an ``async def`` task may use it inside ``allow_join_result``.
        """
        if disable_sync_subtasks:
            assert_will_not_block()
        return await asyncio.to_thread(self._get_in_thread, timeout, propagate)

    def _get_in_thread(self, timeout: float | None, propagate: bool) -> Any:
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

    def iterdeps(self, intermediate: bool = False) -> Iterator[tuple[AsyncResult[Any] | None, AsyncResult[Any]]]:
        """Yield (parent, result) of this job, those it enqueued, and so on.

        Raises ``IncompleteStream`` at a job that has not ended, unless ``intermediate``.
        """
        waiting: deque[tuple[AsyncResult[Any] | None, AsyncResult[Any]]] = deque([(None, self)])
        while waiting:
            parent, node = waiting.popleft()
            yield parent, node
            if node.ready():
                waiting.extend((node, child) for child in node.children)
            elif not intermediate:
                raise IncompleteStream(f"{node!r} has not ended, so what it enqueued is not known yet.")

    def then(self, callback: Any, on_error: Any = None, weak: bool = False) -> NoReturn:
        """Celery's promise, which runs in the process that waits: refused, with what to use instead."""
        raise NotInThisVersion(
            _("AsyncResult.then() is not supported: who would be called back may be gone by then. Use link= and link_error=.")
        )

    def get_leaf(self) -> Any:
        """Return the value of the last of the jobs that follow from this one."""
        value = None
        for __, value in self.collect():  # noqa: B007 - the last one is what is asked for
            pass
        return value

    # -- control -----------------------------------------------------------------------------------------------------------

    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: Any = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Cancel the job. One that runs already is ended only with ``terminate``, by whichever means its pool has.

        Without, one that a worker took within the last 0.1 s may still begin, as in Celery; one that runs is not tried again.
        """
        self.app.broker().control(Cancel((self.id,), terminate))
        if wait:
            deadline = timeout if timeout is not None else 10.0
            self.app.broker().wait(self.id, deadline)

    def forget(self) -> None:
        """Delete the record of the job, once it has ended."""
        self._record = None
        self.app.broker().forget([self.id])

    # -- looks -------------------------------------------------------------------------------------------------------------

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


def result_from_tuple(value: Any, app: Any = None) -> AsyncResult[Any]:
    """Return a result from what ``as_tuple`` gave. Raises ``NotInThisVersion`` for a group."""
    if isinstance(value, ResultBase):
        return value  # type: ignore[return-value]  # the base has one kind of children
    result, children = value
    if children:
        raise NotInThisVersion(_("Results of groups come with workflows; these are not in this version."))
    id, parent = result if isinstance(result, list | tuple) else (result, None)
    return AsyncResult(id, app=app, parent=result_from_tuple(parent, app) if parent else None)
