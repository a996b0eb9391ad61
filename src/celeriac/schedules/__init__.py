"""When something runs (celery.schedules): pure values that need neither Django nor a database.

    >>> from datetime import UTC, datetime
    >>> crontab(hour=4, minute=0, tz="Europe/Berlin").next(datetime(2027, 1, 31, tzinfo=UTC)).isoformat()
    '2027-01-31T04:00:00+01:00'

Each kind is in a module of its own name. All of them take ``tz``, and have ``next(after)``, ``next_times(after, n)``,
``is_due(last_run_at)``, ``remaining_estimate(last_run_at)``, ``describe(language)`` and ``to_dict()``.
"""

from __future__ import annotations

from celeriac.schedules.base import BaseSchedule, schedstate
from celeriac.schedules.clocked import clocked
from celeriac.schedules.cron import cron
from celeriac.schedules.crontab import CronField, crontab
from celeriac.schedules.crontab_parser import ParseException, crontab_parser
from celeriac.schedules.interval import every, maybe_schedule, schedule
from celeriac.schedules.kinds import KINDS, from_dict
from celeriac.schedules.rrule import rrule
from celeriac.schedules.solar import solar
from celeriac.schedules.zone import project_zone, take_zone_from

__all__ = [
    "KINDS",
    "BaseSchedule",
    "CronField",
    "ParseException",
    "clocked",
    "cron",
    "crontab",
    "crontab_parser",
    "every",
    "from_dict",
    "maybe_schedule",
    "project_zone",
    "rrule",
    "schedstate",
    "schedule",
    "solar",
    "take_zone_from",
]
