"""A task's options, with Celery's defaults, and its hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HOOKS = ("before_start", "on_success", "on_failure", "on_retry", "after_return")
OF_THE_KILLED = frozenset({"on_failure", "after_return"})
"""Those that the worker's herald calls for a job whose child was killed over it."""

FROM_SETTINGS: Mapping[str, str] = {
    "time_limit": "time_limit",
    "soft_time_limit": "soft_time_limit",
    "track_started": "track_started",
    "rate_limit": "default_rate_limit",
    "store_eager_result": "store_eager_result",
}
"""Options whose default is a setting."""


class TaskOptions:
    """What a subclass, or the decorator, may say about a task.

    Durations are seconds. None as the default of an option means: what the settings say.
    """

    name: str = ""
    bind: bool = False
    abstract: bool = False
    typing: bool | None = None
    """Whether arguments are checked against the function's parameters at the call."""
    transactional: bool = False
    """Whether the body and the job's end are one database transaction: exactly once."""

    max_retries: int | None = 3
    default_retry_delay: float = 180
    autoretry_for: tuple[type[BaseException], ...] = ()
    dont_autoretry_for: tuple[type[BaseException], ...] = ()
    retry_kwargs: Mapping[str, Any] = {}
    retry_backoff: bool | float = False
    retry_backoff_max: float = 600
    retry_jitter: bool = True

    queue: str | None = None
    routing_key: str | None = None
    priority: int | None = None
    expires: Any = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    ignore_result: Any = None
    track_started: Any = None
    store_eager_result: Any = None
    """Whether a job that ran eagerly leaves a record."""
    encrypt: bool | None = None
    """Whether arguments and results are encrypted, where the project has ``ENCRYPTION_KEYS``."""
    acks_late: bool | None = None
    """False asks for at most once, for this task; otherwise a job runs at least once."""
    throws: tuple[type[BaseException], ...] = ()
    """Exceptions that are expected: logged at INFO, without a traceback."""
    rate_limit: Any = None
    """How often jobs of the task may start: ``"10/s"``, ``"100/m"``, ``"5/h"``, or a number a second; 0 for no limit.

    It holds for all workers together, not for each as in Celery, and its starts are evenly spaced. What comes too early is
    scheduled for its turn; other tasks of the queue do not wait for it.
    """
    schedule: Any = None
    """When the task is to be enqueued by itself: seconds, a ``timedelta``, or a schedule such as ``crontab(minute=0)``."""
    serializer: str | None = None
    trail: bool = True
    send_events: bool = True

    # -- hooks, for subclasses ---------------------------------------------------------------------------------------------

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Called before the body, in the worker. What it raises fails the attempt."""

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        """Called when the attempt succeeded."""

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Called when the job failed for good."""

    def on_retry(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Called when the attempt is to be retried; ``exc`` is the ``Retry``."""

    def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Called after each attempt, with the state it ended in."""
