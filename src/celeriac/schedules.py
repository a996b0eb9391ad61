"""When something runs, as data (celery.schedules).

In this version schedules are declared and kept; nothing runs by them yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from celeriac.engine.translation import gettext as _

CronField = str | int | Iterable[int]


class BaseSchedule:
    """Base of the schedules."""


@dataclass(frozen=True, init=False)
class schedule(BaseSchedule):  # noqa: N801 - Celery's public name
    """Every ``run_every``, a number of seconds or a ``timedelta``."""

    run_every: timedelta
    relative: bool

    def __init__(
        self, run_every: float | timedelta | None = None, relative: bool = False, nowfun: Any = None, app: Any = None
    ) -> None:
        every = run_every if isinstance(run_every, timedelta) else timedelta(seconds=run_every or 0)
        if every < timedelta(0):
            raise ValueError(
                _("run_every is {run_every!r}; expected a duration that is not negative.").format(run_every=run_every)
            )
        vars(self).update(run_every=every, relative=relative)

    @property
    def seconds(self) -> float:
        """``run_every`` in seconds."""
        return self.run_every.total_seconds()


@dataclass(frozen=True, init=False)
class crontab(BaseSchedule):  # noqa: N801 - Celery's public name
    """Whenever the clock matches all five fields, as they were written. They are not parsed in this version.

    Celery's order: minute, hour, day_of_week, day_of_month, month_of_year; not that of a crontab file.
    """

    minute: CronField
    hour: CronField
    day_of_week: CronField
    day_of_month: CronField
    month_of_year: CronField

    def __init__(
        self,
        minute: CronField = "*",
        hour: CronField = "*",
        day_of_week: CronField = "*",
        day_of_month: CronField = "*",
        month_of_year: CronField = "*",
        nowfun: Any = None,
        app: Any = None,
    ) -> None:
        vars(self).update(
            minute=minute, hour=hour, day_of_week=day_of_week, day_of_month=day_of_month, month_of_year=month_of_year
        )

    @classmethod
    def from_string(cls, crontab: str) -> crontab:
        """Return the schedule of a line of a crontab file: ``minute hour day_of_month month_of_year day_of_week``."""
        fields = crontab.split()
        if len(fields) != 5:
            raise ValueError(
                _("{crontab!r} has {fields} fields; a crontab line has 5: minute hour day month weekday.").format(
                    crontab=crontab, fields=len(fields)
                )
            )
        minute, hour, day_of_month, month_of_year, day_of_week = fields
        return cls(minute, hour, day_of_week, day_of_month, month_of_year)


@dataclass(frozen=True)
class solar(BaseSchedule):  # noqa: N801 - Celery's public name
    """At an event of the sun, such as ``sunset``, at a place in degrees."""

    event: str
    lat: float
    lon: float


def maybe_schedule(s: Any, relative: bool = False, app: Any = None) -> Any:
    """Return a schedule for a number of seconds or a ``timedelta``, and anything else as it is."""
    return schedule(s, relative) if isinstance(s, int | float | timedelta) else s
