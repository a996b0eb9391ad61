"""``PeriodicTask`` of django-celery-beat: a row of ours by the names and in the forms that programs know."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist, ValidationError
from django.utils.timezone import is_naive, make_aware

from celeriac.compat.beat.columns import Column, ScheduleColumn, TextColumn, TickersColumn
from celeriac.compat.beat.query import Tasks
from celeriac.compat.beat.rows import all_rows, new_row
from celeriac.compat.beat.schedules import OF_BEAT, Schedule
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.models import PeriodicTask as Row

_EXPIRES = "expires"


class PeriodicTask:
    """A row of ``celeriac.models.PeriodicTask``. What Celery has no words for is there: ``task.row``."""

    class DoesNotExist(ObjectDoesNotExist):
        """There is none like that."""

    class MultipleObjectsReturned(MultipleObjectsReturned):
        """There are several like that."""

    objects: ClassVar[Tasks]

    id = pk = Column("id")
    name = Column("name")
    task = Column("task")
    args = TextColumn("args")
    kwargs = TextColumn("kwargs")
    headers = TextColumn("headers")
    queue = Column("queue", lambda value: value or None, lambda value: value or "")
    priority = Column("priority")
    start_time = Column("start")
    one_off = Column("one_off")
    enabled = Column("enabled")
    description = Column("description")
    last_run_at = TickersColumn("last_run")
    total_run_count = TickersColumn("total_run_count")
    interval = ScheduleColumn("interval")
    crontab = ScheduleColumn("crontab")
    clocked = ScheduleColumn("clocked")
    solar = ScheduleColumn("solar")
    exchange: str | None = None
    """Jobs go to queues directly, so it changes nothing."""
    date_changed: datetime | None = None
    """It is not kept."""
    no_changes = False

    def __init__(self, **fields: Any) -> None:
        self._show(new_row())
        self.set(fields)

    @classmethod
    def of(cls, row: Row) -> PeriodicTask:
        """Return a row by the familiar names."""
        task = cls.__new__(cls)
        task._show(row)
        return task

    def _show(self, row: Row) -> None:
        self.row = row
        self.schedules: dict[str, Schedule] = {}
        self.reset: set[str] = set()
        if row.kind in OF_BEAT:
            with suppress(ValueError, TypeError):  # what is wrong with such a row is said in its column ``problem``
                setattr(self, row.kind, OF_BEAT[row.kind].of(row))

    def set(self, fields: dict[str, Any]) -> None:
        """Set attributes. Raises ``TypeError`` for a name that is none of them."""
        for name, value in fields.items():
            if name.startswith("_") or not hasattr(PeriodicTask, name):
                known = [known for known in vars(PeriodicTask) if not known.startswith("_")]
                text = _("PeriodicTask has no field {name!r}.{hint}")
                raise TypeError(text.format(name=name, hint=did_you_mean(name, known)))
            setattr(self, name, value)

    # -- what is kept another way ------------------------------------------------------------------------------------------

    @property
    def routing_key(self) -> str | None:
        """The same as the queue: with Celery's direct exchange, the one names the other."""
        queue: str | None = self.queue
        return queue

    @routing_key.setter
    def routing_key(self, value: str | None) -> None:
        if value and not self.queue:
            self.queue = value

    @property
    def expires(self) -> datetime | None:
        """When it ends: nothing is enqueued after, and what waits then does not run."""
        return self.row.end

    @expires.setter
    def expires(self, value: datetime | None) -> None:
        if isinstance(value, datetime) and is_naive(value):
            value = make_aware(value)
        self.row.end = value
        self._expire(None if value is None else {"__type__": "datetime", "__value__": value.isoformat()}, dict)

    @property
    def expire_seconds(self) -> int | None:
        """Seconds after which a job that has not started does not run."""
        found = self.row.options.get(_EXPIRES)
        return found if isinstance(found, int) else None

    @expire_seconds.setter
    def expire_seconds(self, value: int | None) -> None:
        self._expire(value, int)

    def _expire(self, value: Any, kind: type) -> None:
        """Set the option of the jobs; where there is no value, take away that of this kind."""
        options = dict(self.row.options)
        if value is not None:
            options[_EXPIRES] = value
        elif isinstance(options.get(_EXPIRES), kind):
            del options[_EXPIRES]
        self.row.options = options

    @property
    def expires_(self) -> datetime | int | None:
        """Whichever of both there is."""
        return self.expires or self.expire_seconds

    @property
    def schedule(self) -> Any:
        """The schedule, as one of ``celeriac.schedules``."""
        return next(iter(self.schedules.values())).schedule

    @property
    def scheduler(self) -> Schedule | None:
        """The schedule, as it was given."""
        return next(iter(self.schedules.values()), None)

    # -- writing -----------------------------------------------------------------------------------------------------------

    def full_clean(self, *args: Any, **options: Any) -> None:
        """Raise ``ValidationError`` unless there is exactly one schedule, that can be, and the name is free."""
        known = self.row.kind and self.row.kind not in OF_BEAT
        if len(self.schedules) != 1 and not (known and not self.schedules):
            text = _("A periodic task has one of interval, crontab, solar and clocked; this one has {found}.")
            raise ValidationError(text.format(found=", ".join(self.schedules) or _("none")))
        for schedule in self.schedules.values():
            schedule.full_clean()
            for column, value in schedule.columns().items():
                setattr(self.row, column, value)
        if all_rows().filter(name=self.name).exclude(pk=self.pk).exists():
            raise ValidationError(_("There is a periodic task {name!r} already.").format(name=self.name))

    clean = validate_unique = full_clean

    def save(self, *args: Any, **options: Any) -> None:
        """Write it, whole. It takes effect within a second. Raises ``ValidationError``."""
        self.full_clean()
        self.row.save(using=all_rows().db)
        if self.reset:
            all_rows().filter(pk=self.pk).update(**{name: getattr(self.row, name) for name in self.reset})
            self.reset.clear()

    def delete(self) -> None:
        """Delete the row. Jobs that it has enqueued stay."""
        self.row.delete()

    def refresh_from_db(self) -> None:
        """Read the row anew."""
        self.row.refresh_from_db()
        self._show(self.row)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PeriodicTask):
            return NotImplemented
        return self is other or (self.pk is not None and self.pk == other.pk)

    def __hash__(self) -> int:
        return hash(self.pk)

    def __str__(self) -> str:
        return f"{self.name}: {self.scheduler}" if self.scheduler else str(self.name)

    def __repr__(self) -> str:
        return f"<PeriodicTask: {self}>"


PeriodicTask.objects = Tasks(PeriodicTask)


class PeriodicTasks:
    """What told the schedulers that something has changed. Here every change is seen within a second, also one by SQL."""

    @classmethod
    def changed(cls, *args: Any, **options: Any) -> None:
        """Do nothing."""

    update_changed = changed
    last_change = changed
