"""Schedules by the clock on the wall, and what becomes of them when the clocks are put forward or back.

A local time that is skipped in spring runs once, right after the gap. One that comes twice in autumn runs the first time
only; but what runs in every hour of the day goes on running in the hour that is repeated.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from celeriac.schedules.base import BaseSchedule
from celeriac.schedules.zone import is_repeated, moment_of

_TICK = timedelta(microseconds=1)


class WallSchedule(BaseSchedule):
    """Base of the schedules by local times. A kind gives ``first``."""

    @property
    def every_hour(self) -> bool:
        """Whether it runs in each hour of a day."""
        return False

    def first(self, start: datetime) -> datetime | None:
        """Return the first local time to run at ``start`` or later. Both have no zone."""
        raise NotImplementedError

    def next(self, after: datetime) -> datetime | None:
        """Return the first time to run that is later than ``after``, in the schedule's zone; ``None``: there is none."""
        try:
            local = self.aware(after)
            moment = local.astimezone(UTC)
            found = self._search(local, moment, fold=0)
            if self.every_hour and is_repeated(local):
                found = min(filter(None, (found, self._search(local, moment, fold=1))), default=None)
        except OverflowError:  # later than the year 9999
            return None
        return found and found.astimezone(self.tz)

    def _search(self, local: datetime, after: datetime, fold: int) -> datetime | None:
        """Return the first moment later than ``after``, where times that come twice count the first time, or the second.

        In either reading, later local times are never earlier moments: the first that fits is the next.
        """
        start = local.replace(tzinfo=None, fold=0)
        if fold and not local.fold:  # the second pass begins at a local time before this one
            start -= (local.utcoffset() or timedelta(0)) - (local.replace(fold=1).utcoffset() or timedelta(0))
        while (wall := self.first(start)) is not None:
            moment = moment_of(wall.replace(tzinfo=local.tzinfo, fold=fold))
            if moment > after:
                return moment
            start = wall + _TICK
        return None
