"""``@shared_task(transactional=True)``: when the body and its settling can be one transaction, and when not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celeriac.conf import Settings
    from celeriac.task import Task


def refuse_async(name: str, function: Callable[..., Any]) -> None:
    """Raise ``TypeError`` for a coroutine function: a transaction belongs to a thread, and a coroutine shares its own."""
    from celeriac.task import is_async

    if is_async(function):
        raise TypeError(
            f"{name} is async def, so it cannot be transactional: a database transaction belongs to one thread, and"
            " coroutines share theirs. Make it a plain def, or drop transactional=True."
        )


def check_transactional(task: Task[Any, Any], settings: Settings) -> None:
    """Raise ``ImproperlyConfigured`` where this task cannot be transactional under these settings."""
