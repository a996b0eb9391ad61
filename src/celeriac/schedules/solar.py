"""At an event of the sun.

The times come from ``ephem``, as Celery's do: it finds the next event after a moment by itself, also across the polar night,
agrees to the second with the almanac, and has wheels for every system and Python that Django runs on. ``astral`` is plain
Python, answers by the date only and about a minute off, and had its last release in 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from celeriac.engine.translation import Text
from celeriac.engine.translation import gettext as _
from celeriac.schedules.base import BaseSchedule
from celeriac.schedules.description import sun_words
from celeriac.schedules.extras import import_extra
from celeriac.schedules.zone import Zone


class Event(NamedTuple):
    """How ``ephem`` is asked for an event: the method, the height of the sun, and whether its centre is meant."""

    method: str
    horizon: str = "0"
    centre: bool = False


EVENTS: Mapping[str, Event] = {
    "dawn_astronomical": Event("next_rising", "-18", centre=True),
    "dawn_nautical": Event("next_rising", "-12", centre=True),
    "dawn_civil": Event("next_rising", "-6", centre=True),
    "sunrise": Event("next_rising", "-0:34"),
    "solar_noon": Event("next_transit"),
    "sunset": Event("next_setting", "-0:34"),
    "dusk_civil": Event("next_setting", "-6", centre=True),
    "dusk_nautical": Event("next_setting", "-12", centre=True),
    "dusk_astronomical": Event("next_setting", "-18", centre=True),
}

_SLOT = timedelta(hours=12)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_LONGEST = timedelta(days=370)  # a polar night or day, and some


class solar(BaseSchedule):  # noqa: N801 - Celery's public name
    """At ``event`` (``sunrise``, ``dusk_civil``, ...) at a place in degrees, positive in the north and the east.

    On days when the sun does not do it, near the poles, nothing runs. Raises ``ValueError`` for an event or a place that does
    not exist, and ``ImportError`` where ``ephem`` is not installed.
    """

    kind = "solar"
    names = ("event", "lat", "lon")

    def __init__(
        self,
        event: str,
        lat: float,
        lon: float,
        nowfun: Callable[[], datetime] | None = None,
        app: Any = None,
        *,
        tz: Zone | None = None,
    ) -> None:
        super().__init__(nowfun, app, tz)
        if event not in EVENTS:
            raise ValueError(
                _("There is no event {event!r}; expected one of {events}.").format(event=event, events=", ".join(EVENTS))
            )
        self.event = event
        self.lat = _degrees("lat", lat, 90)
        self.lon = _degrees("lon", lon, 180)
        _ephem()

    def next(self, after: datetime) -> datetime | None:
        """Return the first such event later than ``after``, to the second; ``None`` if there is none in a year.

        Each half day is asked from its start, whatever ``after`` is: so the same event always comes out at the same second.
        """
        moment = self.aware(after).astimezone(UTC)
        start = _slot_of(moment)
        while start < moment + _LONGEST:
            found = self._event_after(start)
            if found is not None and found > moment and found < start + _SLOT:
                return found.astimezone(self.tz)
            start = max(start + _SLOT, _slot_of(found)) if found else start + _SLOT
        return None

    def _event_after(self, start: datetime) -> datetime | None:
        ephem, event = _ephem(), EVENTS[self.event]
        observer = ephem.Observer()
        observer.lat, observer.lon = str(self.lat), str(self.lon)
        observer.elevation, observer.pressure, observer.horizon = 0, 0, event.horizon
        options = {"use_center": True} if event.centre else {}
        try:
            found = getattr(observer, event.method)(ephem.Sun(), start=start.replace(tzinfo=None), **options)
        except ephem.CircumpolarError:
            return None
        time: datetime = found.datetime()
        return time.replace(microsecond=0, tzinfo=UTC)

    def words(self, gettext: Text) -> str:
        """Return the event and the place in words."""
        return gettext("at {event} at {lat}, {lon}").format(event=sun_words(self.event, gettext), lat=self.lat, lon=self.lon)

    def fields(self) -> dict[str, Any]:
        """Return the event and the place."""
        return {"event": self.event, "lat": self.lat, "lon": self.lon}

    def __repr__(self) -> str:
        return f"<solar: {self.event} at latitude {self.lat}, longitude: {self.lon}>"


def _ephem() -> Any:
    return import_extra("ephem", "ephem", solar.kind)


def _slot_of(moment: datetime) -> datetime:
    """Return the start of the half day that ``moment`` is in."""
    return _EPOCH + (moment - _EPOCH) // _SLOT * _SLOT


def _degrees(name: str, given: Any, most: int) -> float:
    try:
        degrees = float(given)
    except (TypeError, ValueError):
        degrees = float("nan")
    if not -most <= degrees <= most:
        raise ValueError(
            _("{name} is {given!r}; expected degrees from {least} to {most}.").format(
                name=name, given=given, least=-most, most=most
            )
        )
    return degrees
