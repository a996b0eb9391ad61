"""The table of periodic tasks, in the database that this project has it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from celeriac.beat.rows import rows_of
from celeriac.current import current_app

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from celeriac.models import PeriodicTask


def all_rows() -> QuerySet[PeriodicTask]:
    """Return every row, the oldest first."""
    return rows_of(current_app()).order_by("id")


def new_row() -> PeriodicTask:
    """Return a row that is not written yet."""
    from celeriac.models import PeriodicTask  # models cannot be imported before the apps are loaded

    return PeriodicTask(enabled=True, one_off=False, queue="", total_run_count=0)
