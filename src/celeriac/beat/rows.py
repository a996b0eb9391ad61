"""The rows of the table of periodic tasks, as the ORM has them, and the same as a ticker reads them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from celeriac.engine.entry import Entry
from celeriac.outbox import alias_of

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from celeriac.app import Celery
    from celeriac.models import PeriodicTask


def rows_of(app: Celery) -> QuerySet[PeriodicTask]:
    """Return the periodic tasks of an app, in the database where its tickers look."""
    from celeriac.models import PeriodicTask  # models cannot be imported before the apps are loaded

    return PeriodicTask.objects.using(alias_of(app) or "default")


def entry_of(row: PeriodicTask) -> Entry:
    """Return a row, saved or not, as a ticker would read it."""
    return Entry(**{name: _plain(getattr(row, name)) for name in Entry.__struct_fields__})


def _plain(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else value
