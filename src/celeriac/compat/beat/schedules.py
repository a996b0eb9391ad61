"""django-celery-beat's schedules as values: IntervalSchedule(every=10, period="seconds"), CrontabSchedule(minute="0", ...).

Its tables of schedules are not here: a periodic task keeps its schedule in its own row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from django.core.exceptions import ValidationError

from celeriac.compat.beat.rows import all_rows
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _
from celeriac.schedules import BaseSchedule, clocked, crontab, from_dict, solar
from celeriac.schedules import schedule as interval

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from celeriac.models import PeriodicTask as Row

DAYS, HOURS, MINUTES, SECONDS, MICROSECONDS = "days", "hours", "minutes", "seconds", "microseconds"
PERIOD_CHOICES = tuple((name, name.capitalize()) for name in (DAYS, HOURS, MINUTES, SECONDS, MICROSECONDS))
_LENGTHS = {name: timedelta(**{name: 1}) for name, _label in PERIOD_CHOICES}


class Saved(Protocol):
    """A periodic task, as a schedule sees it."""

    def save(self) -> None:
        """Write it."""


class Found(list[Any]):
    """Schedules that periodic tasks have, with what is asked of a query set."""

    def first(self) -> Any:
        """Return the first, or None."""
        return self[0] if self else None

    def exists(self) -> bool:
        """Return whether there is any."""
        return bool(self)


class Schedules:
    """What ``IntervalSchedule.objects`` and its kin are. A schedule is there while a periodic task has it."""

    kind: type[Schedule]

    def __get__(self, instance: object, kind: type[Schedule]) -> Schedules:
        bound = Schedules()
        bound.kind = kind
        return bound

    def create(self, **fields: Any) -> Any:
        """Return the schedule. Raises ``ValidationError`` where there can be none like that."""
        made = self.kind(**fields)
        made.full_clean()
        return made

    get = create

    def get_or_create(self, defaults: Mapping[str, Any] | None = None, **fields: Any) -> tuple[Any, bool]:
        """Return the schedule, and whether no periodic task has had it yet."""
        made = self.create(**{**fields, **(defaults or {})})
        return made, not made.rows().exists()

    update_or_create = get_or_create

    def all(self) -> Found:
        """Return the schedules of this kind that periodic tasks have, each once."""
        found = Found()
        for row in all_rows().filter(kind=self.kind.kind):
            one = self.kind.of(row)
            if one not in found:
                found.append(one)
        return found

    def filter(self, **fields: Any) -> Found:
        """Return those of ``all()`` with these fields."""
        self.kind.refuse_unknown(fields)
        return Found(one for one in self.all() if all(getattr(one, name) == value for name, value in fields.items()))

    def count(self) -> int:
        """Return how many there are."""
        return len(self.all())


class Schedule(ABC):
    """A schedule by the fields that django-celery-beat gives it."""

    kind: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]]
    objects = Schedules()

    def __init__(self, **fields: Any) -> None:
        self.refuse_unknown(fields)
        vars(self).update({**self.defaults, **fields})
        self._tasks: list[Saved] = []
        """Those it was given to, or taken from: what ``save`` changes."""

    @classmethod
    def refuse_unknown(cls, fields: Mapping[str, Any]) -> None:
        """Raise ``TypeError`` for a field that there is not."""
        for name in fields:
            if name not in cls.defaults:
                text = _("{kind} has no field {name!r}; it has {names}.{hint}")
                names, hint = ", ".join(cls.defaults), did_you_mean(name, cls.defaults)
                raise TypeError(text.format(kind=cls.__name__, name=name, names=names, hint=hint))

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return the schedule of a row, whose kind is this one."""
        return cls.from_schedule(
            from_dict({**row.fields, "kind": row.kind, **({"tz": row.time_zone} if row.time_zone else {})})
        )

    @classmethod
    @abstractmethod
    def from_schedule(cls, schedule: Any) -> Self:
        """Return what makes the same as one of ``celeriac.schedules``."""

    @property
    @abstractmethod
    def schedule(self) -> BaseSchedule:
        """The same as one of ``celeriac.schedules``. Raises ``ValueError`` for a field that is wrong."""

    def columns(self) -> dict[str, Any]:
        """Return it as the columns of a row that it decides."""
        return {"kind": self.kind, "fields": self.schedule.fields()}

    def full_clean(self, *args: Any, **options: Any) -> None:
        """Raise ``ValidationError`` where a field is wrong."""
        try:
            self.columns()
        except (TypeError, ValueError) as error:
            raise ValidationError(str(error)) from error

    clean = full_clean

    def given_to(self, task: Saved) -> None:
        """Have ``save`` change this task."""
        if task not in self._tasks:
            self._tasks.append(task)

    def save(self, *args: Any, **options: Any) -> None:
        """Change the periodic tasks that have this object: those it was given to, or the one it was read from."""
        self.full_clean()
        for task in self._tasks:
            task.save()

    def delete(self) -> None:
        """Do nothing where no periodic task has it. Raises ``ValidationError`` where one has."""
        names = list(self.rows().values_list("name", flat=True)[:3])
        if names:
            text = _("{schedule} is the schedule of {names}, and is deleted with them: delete those.")
            raise ValidationError(text.format(schedule=self, names=", ".join(map(repr, names))))

    def rows(self) -> QuerySet[Row]:
        """Return the rows of the periodic tasks that have it."""
        return all_rows().filter(**self.columns())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.columns() == other.columns()

    __hash__ = None  # type: ignore[assignment]  # its fields may be changed

    def __str__(self) -> str:
        return self.schedule.describe()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(f'{name}={getattr(self, name)!r}' for name in self.defaults)}>"


class IntervalSchedule(Schedule):
    """Every so many days, hours, minutes, seconds or microseconds."""

    kind = interval.kind
    defaults: ClassVar[Mapping[str, Any]] = {"every": None, "period": None, "relative": False}
    DAYS, HOURS, MINUTES, SECONDS, MICROSECONDS = DAYS, HOURS, MINUTES, SECONDS, MICROSECONDS
    PERIOD_CHOICES = PERIOD_CHOICES
    every: int
    period: str
    relative: bool

    @classmethod
    def from_schedule(cls, schedule: Any, period: str | None = None) -> Self:
        """Return what makes the same, in the largest period that goes into it unless one is named."""
        every = schedule.run_every
        period = period or next(name for name, length in _LENGTHS.items() if not every % length)
        return cls(every=every // _LENGTHS[period], period=period, relative=schedule.relative)

    @property
    def schedule(self) -> interval:
        """The same as one of ``celeriac.schedules``."""
        if self.period not in _LENGTHS:
            text = _("period is {period!r}; expected one of {periods}.{hint}")
            hint = did_you_mean(str(self.period), _LENGTHS)
            raise ValueError(text.format(period=self.period, periods=", ".join(_LENGTHS), hint=hint))
        try:
            length = int(self.every) * _LENGTHS[self.period]
        except (TypeError, ValueError, OverflowError) as error:
            text = _("every is {every!r}; expected a whole number of {period}.")
            raise ValueError(text.format(every=self.every, period=self.period)) from error
        return interval(length, self.relative)


class CrontabSchedule(Schedule):
    """Celery's crontab. ``timezone``: a name or a tzinfo; None is the project's."""

    kind = crontab.kind
    defaults: ClassVar[Mapping[str, Any]] = {
        "minute": "*", "hour": "*", "day_of_month": "*", "month_of_year": "*", "day_of_week": "*", "timezone": None,
    }  # fmt: skip
    minute: str
    hour: str
    day_of_month: str
    month_of_year: str
    day_of_week: str
    timezone: Any

    @classmethod
    def from_schedule(cls, schedule: Any) -> Self:
        """Return what makes the same."""
        fields = schedule.to_dict()
        fields.pop("kind")
        return cls(timezone=fields.pop("tz", None), **fields)

    @property
    def schedule(self) -> crontab:
        """The same as one of ``celeriac.schedules``."""
        return crontab(
            self.minute, self.hour, self.day_of_week, self.day_of_month, self.month_of_year, tz=self.timezone or None
        )

    def columns(self) -> dict[str, Any]:
        """Return it as the columns of a row that it decides, the zone among them."""
        return {**super().columns(), "time_zone": self.schedule.to_dict().get("tz", "")}


class ClockedSchedule(Schedule):
    """Once, at a time."""

    kind = clocked.kind
    defaults: ClassVar[Mapping[str, Any]] = {"clocked_time": None}
    clocked_time: Any

    @classmethod
    def from_schedule(cls, schedule: Any) -> Self:
        """Return what makes the same."""
        return cls(clocked_time=schedule.clocked_time)

    @property
    def schedule(self) -> clocked:
        """The same as one of ``celeriac.schedules``: a time without a zone is one of the project's."""
        return clocked(clocked(self.clocked_time).clocked_time.astimezone(UTC))


class SolarSchedule(Schedule):
    """At an event of the sun, at a place in degrees."""

    kind = solar.kind
    defaults: ClassVar[Mapping[str, Any]] = {"event": None, "latitude": None, "longitude": None}
    event: str
    latitude: Any
    longitude: Any

    @classmethod
    def from_schedule(cls, schedule: Any) -> Self:
        """Return what makes the same."""
        return cls(event=schedule.event, latitude=schedule.lat, longitude=schedule.lon)

    @property
    def schedule(self) -> solar:
        """The same as one of ``celeriac.schedules``."""
        return solar(self.event, self.latitude, self.longitude)


OF_BEAT: Mapping[str, type[Schedule]] = {
    made.kind: made for made in (IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule)
}
"""By the names of the kinds, which are those of django-celery-beat's columns too."""
