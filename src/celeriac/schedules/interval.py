"""Every so often: ``schedule(30)``, ``every(5, "minutes")``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from celeriac.engine.translation import Text
from celeriac.engine.translation import gettext as _
from celeriac.schedules.base import BaseSchedule
from celeriac.schedules.description import every_words
from celeriac.schedules.zone import Zone, moment_of

UNITS = ("microseconds", "seconds", "minutes", "hours", "days", "weeks")


class schedule(BaseSchedule):  # noqa: N801 - Celery's public name
    """Every ``run_every``, a number of seconds or a ``timedelta``, of time that really passes, whatever the clocks show.

    With ``relative`` the runs are at full days, hours, minutes or seconds of the clock: the largest of them that
    ``run_every`` holds.
    """

    kind = "interval"
    names = ("every", "relative")

    def __init__(
        self,
        run_every: float | timedelta | None = None,
        relative: bool = False,
        nowfun: Callable[[], datetime] | None = None,
        app: Any = None,
        *,
        tz: Zone | None = None,
    ) -> None:
        super().__init__(nowfun, app, tz)
        self.run_every = _duration(run_every)
        self.relative = relative

    @property
    def seconds(self) -> float:
        """``run_every`` in seconds."""
        return self.run_every.total_seconds()

    def next(self, after: datetime) -> datetime | None:
        """Return ``after`` and the interval; with ``relative``, the full unit before that."""
        try:
            start = self.aware(after).astimezone(UTC)
            end = start + self.run_every
            while self.relative and (full := self._full_unit(end)) <= start:
                end += self.run_every
            return (full if self.relative else end).astimezone(self.tz)
        except OverflowError:  # later than the year 9999
            return None

    def _full_unit(self, moment: datetime) -> datetime:
        """Return the start of the day, hour, minute or second that ``moment`` is in, by the clock of the zone."""
        local = moment.astimezone(self.tz)
        if self.seconds < 1:
            return moment
        zeros: dict[str, int] = {"microsecond": 0}
        for name, seconds in (("second", 60), ("minute", 3600), ("hour", 86400)):
            if self.seconds >= seconds:
                zeros[name] = 0
        return moment_of(local.replace(**zeros))  # type: ignore[arg-type]  # the names are those of whole numbers

    def words(self, gettext: Text) -> str:
        """Return the interval in words."""
        words = every_words(self.run_every, gettext)
        return gettext("{words}, by the clock").format(words=words) if self.relative else words

    def fields(self) -> dict[str, Any]:
        """Return ``every`` in seconds, and ``relative`` where it is so."""
        seconds = int(self.seconds) if self.seconds.is_integer() else self.seconds
        return {"every": seconds, **({"relative": True} if self.relative else {})}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Return the schedule that ``fields`` describe."""
        rest = dict(fields)
        return cls(rest.pop("every"), **rest)

    def __repr__(self) -> str:
        units = (("day", 86400), ("hour", 3600), ("minute", 60))
        unit, seconds = next((each for each in units if self.seconds >= each[1]), ("second", 1))
        count = self.seconds / seconds
        return f"<freq: {count:.2f} {unit}{'' if count == 1 else 's'}>"


def _duration(given: float | timedelta | None) -> timedelta:
    duration = timedelta(0)
    if isinstance(given, timedelta):
        duration = given
    elif isinstance(given, int | float) and not isinstance(given, bool):
        with suppress(OverflowError, ValueError):  # longer than a timedelta holds, or no number
            duration = timedelta(seconds=given)
    if duration <= timedelta(0):
        raise ValueError(
            _("run_every is {run_every!r}; expected a number of seconds or a timedelta greater than 0.").format(run_every=given)
        )
    return duration


def every(count: float, unit: str = "seconds", *, relative: bool = False, tz: Zone | None = None) -> schedule:
    """Return the schedule of every ``count`` seconds, minutes, hours, days or weeks."""
    name = unit if unit.endswith("s") else f"{unit}s"
    if name not in UNITS:
        raise ValueError(_("There is no unit {unit!r}; expected one of {units}.").format(unit=unit, units=", ".join(UNITS)))
    return schedule(timedelta(**{name: count}), relative, tz=tz)


def maybe_schedule(s: Any, relative: bool = False, app: Any = None) -> Any:
    """Return a schedule for a number of seconds or a ``timedelta``, and anything else as it is, with ``app`` if it has none."""
    if isinstance(s, int | float | timedelta):
        return schedule(s, relative, app=app)
    if isinstance(s, BaseSchedule) and s.app is None:
        s.app = app
    return s
