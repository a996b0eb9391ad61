"""Whenever the clock matches all five fields: Celery's ``crontab``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from celeriac.engine.translation import gettext as _
from celeriac.schedules.crontab_parser import ParseException, crontab_parser, joined, weekday_parser
from celeriac.schedules.pattern import Pattern, PatternSchedule
from celeriac.schedules.zone import Zone

CronField = str | int | Iterable[int] | Iterable[str]

PARSERS = {
    "minute": crontab_parser(60),
    "hour": crontab_parser(24),
    "day_of_week": crontab_parser(7),
    "day_of_month": crontab_parser(31, 1),
    "month_of_year": crontab_parser(12, 1),
}
"""What reads each field, in the order of Celery's arguments."""

IN_FILE = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
"""The fields in the order of a crontab file."""

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""What a crontab file may hold in place of the five fields."""


class crontab(PatternSchedule):  # noqa: N801 - Celery's public name
    """Every minute at which all five fields match; day of month *and* day of week, unlike a crontab file.

    A field is a number, a text (``"*"``, ``"1-5"``, ``"*/15"``, ``"mon,fri"``), or several of them in a set or a list. The
    order is Celery's: minute, hour, day_of_week, day_of_month, month_of_year; not that of a crontab file, which
    ``from_string`` reads. A field that cannot be read, or a date that no year has, raises ``ValueError``.
    """

    kind = "crontab"
    names = tuple(PARSERS)

    def __init__(
        self,
        minute: CronField = "*",
        hour: CronField = "*",
        day_of_week: CronField = "*",
        day_of_month: CronField = "*",
        month_of_year: CronField = "*",
        nowfun: Callable[[], datetime] | None = None,
        app: Any = None,
        *,
        tz: Zone | None = None,
    ) -> None:
        given = (minute, hour, day_of_week, day_of_month, month_of_year)
        texts = {name: written(name, field) for name, field in zip(PARSERS, given, strict=True)}
        self.minute = read("minute", texts["minute"])
        self.hour = read("hour", texts["hour"])
        self.day_of_week = read("day_of_week", texts["day_of_week"])
        self.day_of_month = read("day_of_month", texts["day_of_month"])
        self.month_of_year = read("month_of_year", texts["month_of_year"])
        pattern = Pattern(self.minute, self.hour, self.day_of_week, self.day_of_month, self.month_of_year)
        super().__init__(pattern, texts, nowfun, app, tz)
        vars(self).update({f"_orig_{name}": text for name, text in texts.items()})  # where Celery's own has them

    @classmethod
    def from_string(cls, crontab: str, *, tz: Zone | None = None) -> crontab:
        """Return the schedule of a line of a crontab file: ``minute hour day_of_month month_of_year day_of_week``.

        ``@daily`` and its kin are understood, and Sunday as 7. Both day fields must match, as in ``crontab`` itself;
        ``cron`` is the schedule of which one is enough.
        """
        minute, hour, day_of_month, month_of_year, day_of_week = split_line(crontab)
        return cls(minute, hour, without_seven(day_of_week), day_of_month, month_of_year, tz=tz)

    def fields(self) -> dict[str, Any]:
        """Return the five fields as texts."""
        return dict(self.texts)

    def __repr__(self) -> str:
        return f"<crontab: {' '.join(self.texts[name] for name in IN_FILE)} (m/h/dM/MY/d)>"


def written(name: str, given: Any) -> str:
    """Return the field ``name`` as text."""
    if isinstance(given, str):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    if isinstance(given, set | frozenset):
        return ",".join(map(str, sorted(given)))
    if isinstance(given, Iterable):
        return ",".join(map(str, given))
    raise TypeError(
        _("{name} is {given!r}; expected a number, a text such as '*/15', or a list of them.").format(name=name, given=given)
    )


def read(name: str, text: str, parser: crontab_parser | None = None) -> frozenset[int]:
    """Return the numbers of the field ``name``. One that cannot be read raises ``ValueError`` with its name and text."""
    try:
        return frozenset((parser or PARSERS[name]).parse(text))
    except ValueError as error:
        kind = ParseException if isinstance(error, ParseException) else ValueError
        raise kind(_("{name} is {text!r}: {reason}").format(name=name, text=text, reason=error)) from error


def split_line(line: str) -> list[str]:
    """Return the five fields of a line of a crontab file."""
    line = line.strip()
    fields = NICKNAMES.get(line.lower(), line).split()
    if line.startswith("@") and len(fields) == 1:
        raise ValueError(
            _("There is no {line!r}; expected one of {names}, or five fields.").format(line=line, names=", ".join(NICKNAMES))
        )
    if len(fields) != len(PARSERS):
        raise ValueError(
            _("{line!r} has {fields} fields; a crontab line has 5: minute hour day month weekday.").format(
                line=line, fields=len(fields)
            )
        )
    return fields


def without_seven(day_of_week: str) -> str:
    """Return the weekdays of a crontab file without a 7 for Sunday, which ``crontab`` does not take."""
    if "7" not in day_of_week:
        return day_of_week
    return joined(read("day_of_week", day_of_week, weekday_parser()))
