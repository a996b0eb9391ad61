"""The periodic tasks of a run, and the times at which each must tick: counted here without the code that is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

MINUTE = 60.0


class Entry(NamedTuple):
    """A row, and whether it ticks at a time (seconds since 1970 UTC) that is a multiple of ``step`` after the start."""

    name: str
    kind: str
    fields: dict[str, Any]
    step: float
    ticks: Callable[[datetime], bool]
    zone: str = ""
    misfire: str = "once"

    def times(self, start: float, end: float) -> list[float]:
        """Return every time from the start to the end at which it must tick."""
        moments = (start + number * self.step for number in range(int((end - start) / self.step) + 1))
        zone = ZoneInfo(self.zone or "UTC")
        return [moment for moment in moments if self.ticks(datetime.fromtimestamp(moment, UTC).astimezone(zone))]


def entries() -> Iterator[Entry]:
    """Yield the periodic tasks of a run. The start is a full hour."""
    every_minute = dict.fromkeys(("minute", "hour", "day_of_week", "day_of_month", "month_of_year"), "*")
    for number, misfire in enumerate(("once", "once", "all", "skip")):
        yield Entry(f"minutely {number}", "crontab", every_minute, MINUTE, lambda _: True, misfire=misfire)
    for seconds in (20.0, 30.0, 45.0, 90.0):
        yield Entry(f"every {seconds:g} s", "interval", {"every": seconds}, seconds, lambda _: True)
    yield Entry("each 5 minutes", "crontab", {**every_minute, "minute": "*/5"}, MINUTE, lambda now: now.minute % 5 == 0)
    yield Entry("hourly", "crontab", {**every_minute, "minute": "0"}, MINUTE, lambda now: now.minute == 0)
    yield Entry(
        "half past, elsewhere", "crontab", {**every_minute, "minute": "30"}, MINUTE, lambda now: now.minute == 30,
        zone="Australia/Lord_Howe",
    )  # fmt: skip
