"""``@shared_task(transactional=True)``: when the body and its settling can be one transaction, and when not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from celeriac.conf import Settings
    from celeriac.engine.outcome import Outcome
    from celeriac.task import Task


def refuse_async(name: str, function: Callable[..., Any]) -> None:
    """Raise ``TypeError`` for a coroutine function: a transaction belongs to a thread, and a coroutine shares its own."""
    from celeriac.task import is_async

    if is_async(function):
        raise TypeError(
            f"{name} is async def, so it cannot be transactional: a database transaction belongs to one thread, and"
            " coroutines share theirs. Make it a plain def, or drop transactional=True."
        )


@contextmanager
def eager_transaction(broker_url: str) -> Iterator[Callable[[Outcome], bool]]:
    """Run a transactional body in the caller's process: all of it or nothing, as in a worker. There is no claim to settle."""
    if not broker_url.startswith("django:"):
        yield lambda outcome: True
        return
    from django.db import transaction  # a database is in use where this is called

    with transaction.atomic(using=urlsplit(broker_url).netloc or "default"):
        yield lambda outcome: True


def check_transactional(task: Task[Any, Any], settings: Settings) -> None:
    """Raise ``ImproperlyConfigured`` where this task cannot be transactional under these settings."""
