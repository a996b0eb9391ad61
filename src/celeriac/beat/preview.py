"""When a periodic task runs, for people: in words, with its next times and with what is likely not meant so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from celeriac.beat.rows import entry_of
from celeriac.beat.timetable import Timetable
from celeriac.engine.translation import gettext
from celeriac.schedules import BaseSchedule, from_dict
from celeriac.schedules.zone import name_of

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.models import PeriodicTask

SHOWN = 5
"""Times that are shown."""
UNREADABLE = (ValueError, TypeError, KeyError, ArithmeticError, AttributeError, NotImplementedError, ImportError)
"""What a schedule in a row of anybody's making may raise."""


class Preview(msgspec.Struct, kw_only=True):
    """What a schedule means. The times are in its zone, which the words leave out."""

    words: str
    zone: str
    times: list[datetime]
    hint: str = ""


def schedule_of(app: Celery, row: PeriodicTask) -> BaseSchedule:
    """Return the schedule of a row, in its zone or the project's. Raises one of ``UNREADABLE``."""
    fields = row.fields if isinstance(row.fields, Mapping) else {}
    return from_dict({**fields, "kind": row.kind, "tz": row.time_zone or app.settings.timezone})


def words_of(app: Celery, row: PeriodicTask) -> str:
    """Return when a row runs, in words; the zone is named where the row names one. Raises one of ``UNREADABLE``."""
    fields = row.fields if isinstance(row.fields, Mapping) else {}
    zone = {"tz": row.time_zone} if row.time_zone else {}
    return from_dict({**fields, "kind": row.kind, **zone}).describe()


def preview_of(app: Celery, row: PeriodicTask, times: int = SHOWN) -> Preview:
    """Return what a row means, saved or not. Raises one of ``UNREADABLE``."""
    schedule = schedule_of(app, row)
    following = islice(coming_times(app, row), times)
    return Preview(
        words=schedule.words(gettext), zone=name_of(schedule.tz), hint=schedule.hint(),
        times=[datetime.fromtimestamp(time, schedule.tz) for time in following],
    )  # fmt: skip


def coming_times(app: Celery, row: PeriodicTask) -> Iterator[float]:
    """Yield the times that a ticker will come to: from the one it has planned; without, as if it planned the row now.

    One that is late is the first of them. Raises one of ``UNREADABLE``.
    """
    entry, now = entry_of(row), app.clock.wall()
    timetable = Timetable(entry, row.fields, app.settings.timezone)
    planned = entry.next_run if entry.held is None else entry.held
    if planned is None or not row.enabled:
        following = timetable.next(max(now, entry.last_run or 0.0))
    else:
        yield planned
        following = timetable.resume(planned, max(now, planned))
    while following is not None:
        yield following
        following = timetable.next(following)
