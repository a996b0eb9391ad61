"""The minutes that five sets of numbers match, found field by field and not minute by minute."""

from __future__ import annotations

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from celeriac.engine.translation import Text
from celeriac.engine.translation import gettext as _
from celeriac.schedules.crontab_parser import joined
from celeriac.schedules.description import pattern_words
from celeriac.schedules.wall import WallSchedule
from celeriac.schedules.zone import Zone

MINUTES = 60
HOURS = 24

LONGEST = {1: 31, 2: 29, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}
"""The days that a month can have."""

_CYCLE = 400  # years, after which days of month and weekdays come again as they were
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Pattern:
    """Sets of numbers for each field; weekdays count from Sunday, 0. ``either_day``: one of the two day fields is enough."""

    minutes: frozenset[int]
    hours: frozenset[int]
    weekdays: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    either_day: bool = False

    def is_possible(self) -> bool:
        """Return whether there is a date that matches at all."""
        if self.either_day:
            return True
        return min(self.days) <= max(LONGEST[month] for month in self.months)

    def restricted(self) -> list[str]:
        """Return the names of the fields that do not hold all of their numbers."""
        fields = {
            "minute": (self.minutes, MINUTES),
            "hour": (self.hours, HOURS),
            "day_of_week": (self.weekdays, 7),
            "day_of_month": (self.days, 31),
            "month_of_year": (self.months, 12),
        }
        return [name for name, (numbers, full) in fields.items() if len(numbers) < full]

    def matches_day(self, day: date) -> bool:
        """Return whether something is to run on ``day``."""
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (in_month or in_week) if self.either_day else (in_month and in_week)

    def first(self, start: datetime) -> datetime | None:
        """Return the first full minute that matches, at ``start`` or later; ``None`` past the end of the calendar."""
        if start.second or start.microsecond:
            start = start.replace(second=0, microsecond=0) + _MINUTE
        today = start.date()
        if self.matches_day(today) and (found := self._time(start.hour, start.minute)):
            return datetime.combine(today, found)
        day = next(self._days_after(today), None)
        return None if day is None else datetime.combine(day, time(self._hours[0], self._minutes[0]))

    def _time(self, hour: int, minute: int) -> time | None:
        """Return the first time of a day that matches, at ``hour:minute`` or later."""
        hours, minutes = self._hours, self._minutes
        if hour in self.hours and minute <= minutes[-1]:
            return time(hour, minutes[bisect_left(minutes, minute)])
        return None if hour >= hours[-1] else time(hours[bisect_left(hours, hour + 1)], minutes[0])

    @cached_property
    def _hours(self) -> list[int]:
        return sorted(self.hours)

    @cached_property
    def _minutes(self) -> list[int]:
        return sorted(self.minutes)

    def _days_after(self, day: date) -> Iterator[date]:
        year, month, first = day.year, day.month, day.day + 1
        while year <= min(day.year + _CYCLE, date.max.year):
            if month in self.months:
                for number in range(first, monthrange(year, month)[1] + 1):
                    if self.matches_day(found := date(year, month, number)):
                        yield found
            year, month, first = (year + 1, 1, 1) if month == 12 else (year, month + 1, 1)


class PatternSchedule(WallSchedule):
    """Base of the schedules by five fields. ``texts`` are the fields as they were written, by their names."""

    def __init__(
        self, pattern: Pattern, texts: Mapping[str, str], nowfun: Callable[[], datetime] | None, app: Any, tz: Zone | None
    ) -> None:
        super().__init__(nowfun, app, tz)
        if not pattern.is_possible():
            raise ValueError(
                _("No month {months} has a day {days}: this would never run.").format(
                    months=joined(pattern.months), days=joined(pattern.days)
                )
            )
        self.pattern = pattern
        self.texts = texts

    @property
    def every_hour(self) -> bool:
        """Whether it runs in each hour of a day."""
        return len(self.pattern.hours) == HOURS

    def first(self, start: datetime) -> datetime | None:
        """Return the first local time to run at ``start`` or later."""
        return self.pattern.first(start)

    def words(self, gettext: Text) -> str:
        """Return the fields in words."""
        return pattern_words(self.pattern, gettext)

    def hint(self) -> str:
        """Return what to write where each minute of an hour, a day or a month is likely not meant."""
        others = [f"{name}={self.texts[name]!r}" for name in self.pattern.restricted() if name != "minute"]
        if len(self.pattern.minutes) < MINUTES or not others:
            return ""
        return _("minute={minute!r} with {others} runs every minute of it; write minute=0.").format(
            minute=self.texts["minute"], others=", ".join(others)
        )

    def _key(self) -> Any:
        return self.pattern
