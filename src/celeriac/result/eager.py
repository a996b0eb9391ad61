"""``EagerResult``: the result of a task that ran in the caller's process."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, TypeVar

from celeriac import states
from celeriac.engine.errors import CeleriacError, TaskRevokedError
from celeriac.engine.job import Job
from celeriac.result.asynchronous import AsyncResult
from celeriac.result.joining import assert_will_not_block

R = TypeVar("R")


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
        """The return value itself, or the exception. None where the result is ignored, as a worker would not keep it."""
        return None if self.ignored and self._eager_state == states.SUCCESS else self._value

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

    def get(
        self, timeout: float | None = None, propagate: bool = True, *_: Any, disable_sync_subtasks: bool = True, **__: Any
    ) -> R:
        """Return the value, or raise the exception (with ``propagate``).

        Raises ``RuntimeError`` inside a task, as it would in a worker; of an ignored result, returns None.
        """
        if self.ignored:
            return None  # type: ignore[return-value]  # R is what the task returns, and this result is not kept
        if disable_sync_subtasks:
            assert_will_not_block()
        return self._outcome(propagate)

    def _outcome(self, propagate: bool) -> R:
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
        return self.get(timeout, propagate, disable_sync_subtasks=disable_sync_subtasks)

    def maybe_throw(self, propagate: bool = True, callback: Any = None) -> Any:
        """Raise the exception, or return the value."""
        return self._outcome(propagate)

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
