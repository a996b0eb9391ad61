"""The nominal times of one periodic task, in seconds since 1970 UTC: which are due now, and which comes next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from math import floor

import msgspec

from celeriac.engine.entry import Entry
from celeriac.schedules import BaseSchedule, from_dict, schedule

GRACE = 15.0
"""Seconds that a tick may be late and still counts as on time: nobody who is killed or restarted makes it a misfire."""
AT_ONCE = 100
"""Ticks of one entry fired together; the rest follows in the next batch."""
_HAIR = 1e-6


class Timetable:
    """When an entry is due. Raises ``ValueError`` where its row does not say so."""

    def __init__(self, entry: Entry, fields: Mapping[str, object], zone: str) -> None:
        given = {**fields, "kind": entry.kind, "tz": entry.time_zone or zone}
        self._key = msgspec.json.encode(given, order="deterministic")
        self.every = _every(self._key)
        self._start = entry.start
        self._end = entry.end

    def next(self, after: float) -> float | None:
        """Return the first time later than ``after``, between start and end; None when there is none."""
        if self._start is not None and after < self._start:
            if self.every:
                return self._within(self._start)
            after = self._start - _HAIR
        return self._within(_next(self._key, after))

    def resume(self, last: float, after: float) -> float | None:
        """Return the first time later than ``after`` of the row of times to which ``last`` belongs."""
        if self.every and after > last:
            return self._within(round(last + (floor((after - last) / self.every) + 1) * self.every, 6))
        return self.next(after)

    def due(self, first: float, now: float, misfire: str, limit: int) -> tuple[list[float], float | None]:
        """Return the times from ``first`` to ``now`` that are to be run, and the one that comes next.

        Those over ``GRACE`` late are misfires, for which the policy decides; the others all run.
        """
        horizon = now - GRACE
        times = self._until(first, now, AT_ONCE) if first > horizon else self._late(first, horizon, now, misfire, limit)
        last = times[-1] if times else None
        if last is not None and last > horizon:
            return times, self.next(last)
        return times, self.resume(first, max(now, first))

    def _late(self, first: float, horizon: float, now: float, misfire: str, limit: int) -> list[float]:
        timely = self._until(self.resume(first, horizon), now, AT_ONCE)
        if misfire == "all":
            return self._until(first, horizon, limit) + timely
        return [first] if misfire == "once" and not timely else timely

    def _until(self, first: float | None, last: float, limit: int) -> list[float]:
        times: list[float] = []
        while first is not None and first <= last and len(times) < limit:
            times.append(first)
            first = self.next(first)
        return times

    def _within(self, time: float | None) -> float | None:
        return None if time is None or (self._end is not None and time > self._end) else time


@lru_cache(4096)
def _schedule(key: bytes) -> BaseSchedule:
    return from_dict(msgspec.json.decode(key))


@lru_cache(4096)
def _every(key: bytes) -> float:
    """Return the seconds of an interval; 0 for what goes by the clock."""
    found = _schedule(key)
    return found.seconds if isinstance(found, schedule) and not found.relative else 0.0


@lru_cache(4096)
def _next(key: bytes, after: float) -> float | None:
    """Many entries share a schedule and are due together, so most answers are known."""
    found = _schedule(key).next(datetime.fromtimestamp(after, UTC))
    return None if found is None else found.timestamp()
