"""The tasks this process can run, by name. A name found in a message is looked up here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from celeriac.engine.errors import NotRegistered


class RunnableTask(Protocol):
    """What the attempt pipeline needs to know of a task. ``celeriac.task.Task`` is one.

    Times in seconds. ``max_retries`` None means for ever. ``overrides`` names the hooks (``on_success``, ...) that the task's
    class really defines: the others are not called, since most tasks have none and the call would cost every job.
    ``acks_late`` False asks for at most once; None and True are at least once. ``apart``: the seconds between two starts of the
    task's jobs, by its rate limit; 0.0 for none.
    """

    name: str
    is_async: bool
    ignore_result: bool
    acks_late: bool | None
    transactional: bool
    track_started: bool
    throws: tuple[type[BaseException], ...]
    max_retries: int | None
    default_retry_delay: float
    autoretry_for: tuple[type[BaseException], ...]
    dont_autoretry_for: tuple[type[BaseException], ...]
    retry_kwargs: Mapping[str, Any]
    retry_backoff: bool | float
    retry_backoff_max: float
    retry_jitter: bool
    time_limit: float | None
    soft_time_limit: float | None
    overrides: frozenset[str]

    @property
    def apart(self) -> float: ...

    def body(self) -> Callable[..., Any]:
        """Return what is called with the job's arguments: the function, already bound where the task is."""

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None: ...
    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None: ...
    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None: ...
    def on_retry(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None: ...
    def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None: ...


class Registry(Mapping[str, Any]):
    """Tasks by name. Filled while the project is imported, read-only while jobs run."""

    def __init__(self) -> None:
        self._tasks: dict[str, Any] = {}
        self.get_task = self._tasks.get

    def register(self, task: RunnableTask) -> None:
        """Add a task; a task that has the name already is replaced."""
        self._tasks[task.name] = task

    def unregister(self, name: str) -> None:
        """Take a task out. Raises ``NotRegistered``."""
        if name not in self._tasks:
            raise NotRegistered(name, self._tasks)
        del self._tasks[name]

    def __getitem__(self, name: str) -> Any:
        try:
            return self._tasks[name]
        except KeyError:
            raise NotRegistered(name, self._tasks) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)
