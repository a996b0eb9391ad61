"""When a periodic task runs, for people: in words, with its next times and with what is likely not meant so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from celeriac.beat.rows import entry_of
from celeriac.beat.timetable import Timetable
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
    """What a schedule means. The times are in its zone."""

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
    """Return what a row means, saved or not, if it is planned now. Raises one of ``UNREADABLE``."""
    schedule = schedule_of(app, row)
    following = _times(app, row, app.clock.wall(), schedule.tz)
    return Preview(
        words=words_of(app, row), zone=name_of(schedule.tz), times=list(islice(following, times)), hint=schedule.hint()
    )


def _times(app: Celery, row: PeriodicTask, after: float, zone: tzinfo) -> Iterator[datetime]:
    """Yield the times that a ticker will come to: those between start and end."""
    timetable = Timetable(entry_of(row), row.fields, app.settings.timezone)
    following = timetable.next(after)
    while following is not None:
        yield datetime.fromtimestamp(following, zone)
        following = timetable.next(following)
