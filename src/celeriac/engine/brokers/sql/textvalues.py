"""Jobs as parameters, for drivers that take times and JSON as text. Times are in UTC and sort as they should."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from celeriac.engine.brokers.sql import rows
from celeriac.engine.job import Job

_plain: Callable[[Job], tuple[Any, ...]] = attrgetter(*rows.PLAIN_COLUMNS)


class TextValues:
    """The half of a dialect that turns values into parameters."""

    _second = -1
    _prefix = ""

    def time(self, value: float | None) -> str | None:
        """Return seconds since 1970 UTC as the text that Django's own backends write, with microseconds."""
        if value is None:
            return None
        whole = int(value + 5e-7)  # rounded to the nearest microsecond, which may be that of the next second
        if whole != self._second:  # formatting the date costs more than all the rest; most times share their second
            self._second, self._prefix = whole, time.strftime("%Y-%m-%d %H:%M:%S.", time.gmtime(whole))
        return f"{self._prefix}{int((value - whole) * 1e6 + 0.5):06d}"

    def values(self, job: Job, columns: Sequence[str]) -> Sequence[Any]:
        """Return the parameters of an INSERT of a job into these columns."""
        if columns is rows.PLAIN_COLUMNS:
            return _plain(job)
        return [None if (value := getattr(job, column)) is None else self._value(column, value) for column in columns]

    def _value(self, column: str, value: Any) -> Any:
        if column in rows.TIMES:
            return self.time(value)
        return rows.json_text(value) if column in rows.JSONS else value
