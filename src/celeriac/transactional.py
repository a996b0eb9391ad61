"""``@shared_task(transactional=True)``: when the body and its settling can be one transaction, and when not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.conf import Settings
    from celeriac.engine.outcome import Outcome
    from celeriac.task import Task

BUSY_TIMEOUT = 5.0
"""SQLite's, in seconds, where OPTIONS says nothing: the default of Python's sqlite3."""


def refuse_async(name: str, function: Callable[..., Any]) -> None:
    """Raise ``TypeError`` for a coroutine function: a transaction belongs to a thread, and a coroutine shares its own."""
    from celeriac.task import is_async

    if is_async(function):
        raise TypeError(
            _(
                "{name} is async def, so it cannot be transactional: a database transaction belongs to one thread,"
                " and coroutines share theirs. Make it a plain def, or drop transactional=True."
            ).format(name=name)
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
    """Raise ``ImproperlyConfigured`` where this task cannot be transactional under these settings.

    On SQLite the body holds the only write lock there is, so it must end before everybody else's patience: a task without a
    time limit of its own gets four fifths of the database's busy timeout.
    """
    if not task.transactional or settings.broker_url.startswith("memory:"):
        return
    if not settings.broker_url.startswith("django:"):
        raise ImproperlyConfigured(
            _(
                "{name} is transactional, and the queue is not in a Django database: body and settling cannot share a"
                ' transaction. Set CELERY_BROKER_URL = "django://default", or drop transactional=True.'
            ).format(name=task.name)
        )
    _limit_on_sqlite(task, urlsplit(settings.broker_url).netloc or "default")


def _limit_on_sqlite(task: Task[Any, Any], alias: str) -> None:
    from django.db import connections  # a database is in use where this is called

    if alias not in connections or connections[alias].vendor != "sqlite":
        return
    patience = float(connections[alias].settings_dict["OPTIONS"].get("timeout", BUSY_TIMEOUT))
    if task.time_limit is None:
        task.time_limit = patience * 0.8
    elif task.time_limit >= patience:
        raise ImproperlyConfigured(
            _(
                "{name} is transactional with a time limit of {time_limit:g} s. On SQLite its body holds the only"
                " write lock, and others wait {patience:g} s for it (OPTIONS['timeout'] of DATABASES[{alias!r}]). Set"
                " a time_limit below that."
            ).format(name=task.name, time_limit=task.time_limit, patience=patience, alias=alias)
        )
