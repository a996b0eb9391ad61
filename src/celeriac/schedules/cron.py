"""The five fields of a crontab file, with the meaning that cron gives them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from celeriac.schedules.crontab import IN_FILE, read, split_line
from celeriac.schedules.crontab_parser import weekday_parser
from celeriac.schedules.pattern import Pattern, PatternSchedule
from celeriac.schedules.zone import Zone


class cron(PatternSchedule):  # noqa: N801 - stands beside Celery's crontab
    """A line of a crontab file: ``cron("30 4 1 * mon")`` is 04:30 on the first of the month *or* on a Monday.

    That *or* is cron's: it holds where both day fields are restricted, that is, neither begins with ``*``. Otherwise both
    must match. Sunday is 0 or 7; ``@daily`` and its kin are understood. What cannot be read raises ``ValueError``.
    """

    kind = "cron"
    names = ("line",)

    def __init__(
        self,
        line: str,
        nowfun: Callable[[], datetime] | None = None,
        app: Any = None,
        *,
        tz: Zone | None = None,
    ) -> None:
        minute, hour, day_of_month, month_of_year, day_of_week = fields = split_line(line)
        pattern = Pattern(
            read("minute", minute),
            read("hour", hour),
            read("day_of_week", day_of_week, weekday_parser()),
            read("day_of_month", day_of_month),
            read("month_of_year", month_of_year),
            either_day=not (day_of_month.startswith("*") or day_of_week.startswith("*")),
        )
        super().__init__(pattern, dict(zip(IN_FILE, fields, strict=True)), nowfun, app, tz)
        self.line = " ".join(fields)

    def fields(self) -> dict[str, Any]:
        """Return the line."""
        return {"line": self.line}

    def __repr__(self) -> str:
        return f"<cron: {self.line}>"
