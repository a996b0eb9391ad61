"""What every kind of schedule can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from typing import Any, ClassVar, NamedTuple, Self

from celeriac.engine.translation import Text, gettext_in
from celeriac.engine.translation import gettext as _
from celeriac.schedules.zone import Zone, name_of, project_zone, zone_of


class schedstate(NamedTuple):  # noqa: N801 - Celery's public name
    """Whether to run now, and in how many seconds to ask again; ``None``: never."""

    is_due: bool
    next: float | None


class BaseSchedule:
    """Base of the schedules. A kind of its own gives ``next``.

    To be kept in a row it also gives ``kind``, ``names`` and ``fields``: what it is called, and what makes it.

    ``tz`` is a zone's name or a tzinfo; without one, the zone of the project at the moment it is asked. ``nowfun`` returns
    the time for ``is_due``, and ``app`` is one whose zone and time count instead of the project's.
    """

    kind: ClassVar[str] = ""
    names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, nowfun: Callable[[], datetime] | None = None, app: Any = None, tz: Zone | None = None) -> None:
        self.nowfun = nowfun
        self.app = app
        self._zone = zone_of(tz)

    # -- time --------------------------------------------------------------------------------------------------------------

    @property
    def tz(self) -> tzinfo:
        """The zone that the schedule is in."""
        if self._zone is not None:
            return self._zone
        zone: tzinfo = project_zone() if self.app is None else self.app.timezone
        return zone

    def now(self) -> datetime:
        """Return the time."""
        if self.nowfun is not None:
            return self.aware(self.nowfun())
        return self.aware(datetime.now(UTC) if self.app is None else self.app.now())

    def aware(self, moment: datetime) -> datetime:
        """Return ``moment`` in the schedule's zone, which is also the zone of one that has none."""
        return moment.astimezone(self.tz) if moment.tzinfo else moment.replace(tzinfo=self.tz)

    def maybe_make_aware(self, dt: datetime, naive_as_utc: bool = True) -> datetime:
        """Return ``dt``, in UTC or in the schedule's zone if it has none. Celery's name, for schedules of one's own."""
        return dt if dt.tzinfo else dt.replace(tzinfo=UTC if naive_as_utc else self.tz)

    # -- when --------------------------------------------------------------------------------------------------------------

    def next(self, after: datetime) -> datetime | None:
        """Return the first time to run that is later than ``after``, in the schedule's zone; ``None``: there is none.

        To compute with times, turn them to UTC: Python compares and subtracts those of one zone by what their clocks show.
        """
        raise NotImplementedError(
            _("{name} does not say when it runs: give it a method next(after), which returns a datetime or None.").format(
                name=type(self).__name__
            )
        )

    def next_times(self, after: datetime, n: int = 5) -> list[datetime]:
        """Return the next ``n`` times to run, or as many as there are."""
        return list(islice(self.times(after), n))

    def times(self, after: datetime) -> Iterator[datetime]:
        """Yield every time to run that is later than ``after``."""
        moment = self.next(after)
        while moment is not None:
            yield moment
            moment = self.next(moment)

    def remaining_estimate(self, last_run_at: datetime) -> timedelta | None:
        """Return how long it is until the run that follows ``last_run_at``; negative where that is past, ``None``: never."""
        moment = self.next(last_run_at)
        return None if moment is None else moment.astimezone(UTC) - self.now().astimezone(UTC)

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Return whether the run that follows ``last_run_at`` is due, and the seconds until the next."""
        remaining = self.remaining_estimate(last_run_at)
        if remaining is None:
            return schedstate(False, None)
        if remaining > timedelta(0):
            return schedstate(False, remaining.total_seconds())
        following = self.remaining_estimate(self.now())
        return schedstate(True, None if following is None else following.total_seconds())

    # -- words -------------------------------------------------------------------------------------------------------------

    def describe(self, language: str | None = None) -> str:
        """Return when it runs in words, in ``language`` (``en``, ``zh-hans``); by default in the language of the moment."""
        gettext = gettext_in(language)
        words = self.words(gettext)
        return words if self._zone is None else gettext("{words} ({zone})").format(words=words, zone=name_of(self._zone))

    def words(self, gettext: Text) -> str:
        """Return when it runs in words, but for the zone. ``gettext`` translates."""
        return repr(self)

    def hint(self) -> str:
        """Return what is likely not meant so, and what to write instead; empty where nothing is."""
        return ""

    # -- data --------------------------------------------------------------------------------------------------------------

    def fields(self) -> dict[str, Any]:
        """Return what makes this schedule, as JSON can hold it, by the names of the constructor's arguments."""
        raise NotImplementedError(
            _("A {name} cannot be kept in a row of the database: it has no method fields().").format(name=type(self).__name__)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the schedule as JSON can hold it: ``kind``, its fields, and ``tz`` where it was given.

        ``celeriac.schedules.from_dict`` is the way back.
        """
        zone = {} if self._zone is None else {"tz": name_of(self._zone)}
        return {"kind": self.kind, **self.fields(), **zone}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Return the schedule that ``fields`` describe. What the constructor refuses raises as it does there."""
        return cls(**fields)

    def _key(self) -> Any:
        """Return what two equal schedules have in common."""
        return tuple(sorted(self.fields().items())) if self.names else id(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseSchedule):
            return NotImplemented
        if self is other:
            return True
        return type(self) is type(other) and (self._key(), str(self._zone)) == (other._key(), str(other._zone))

    def __hash__(self) -> int:
        return hash((type(self), self._key(), str(self._zone)))
