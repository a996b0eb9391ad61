"""``PeriodicTask.objects``: query sets by the names of django-celery-beat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q, QuerySet

from celeriac.compat.beat.columns import EMPTY, OTHERWISE, parsed
from celeriac.compat.beat.rows import all_rows
from celeriac.compat.beat.schedules import OF_BEAT, Schedule
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.compat.beat.tasks import PeriodicTask
    from celeriac.models import PeriodicTask as Row


class Tasks:
    """Periodic tasks, read when they are asked for."""

    def __init__(self, task: type[PeriodicTask], rows: QuerySet[Row] | None = None) -> None:
        self._task = task
        self._given = rows

    @property
    def rows(self) -> QuerySet[Row]:
        """The rows."""
        return all_rows() if self._given is None else self._given

    def _of(self, rows: QuerySet[Row]) -> Tasks:
        return Tasks(self._task, rows)

    # -- choosing ----------------------------------------------------------------------------------------------------------

    def all(self) -> Tasks:
        """Return the same, not read yet."""
        return self._of(self.rows.all())

    def filter(self, *given: Q, **fields: Any) -> Tasks:
        """Return those that match."""
        return self._of(self.rows.filter(_translated(Q(*given, **fields))))

    def exclude(self, *given: Q, **fields: Any) -> Tasks:
        """Return those that do not match."""
        return self._of(self.rows.exclude(_translated(Q(*given, **fields))))

    def order_by(self, *names: str) -> Tasks:
        """Return them in another order."""
        return self._of(self.rows.order_by(*(_ordering(name) for name in names)))

    def select_related(self, *names: str) -> Tasks:
        """Return the same: a row has its schedule in it."""
        return self.all()

    prefetch_related = select_related

    # -- reading -----------------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[PeriodicTask]:
        return (self._task.of(row) for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __bool__(self) -> bool:
        return self.exists()

    def __getitem__(self, place: Any) -> Any:
        found = self.rows[place]
        return self._of(found) if isinstance(found, QuerySet) else self._task.of(found)

    def get(self, *given: Q, **fields: Any) -> PeriodicTask:
        """Return the one that matches. Raises ``DoesNotExist`` or ``MultipleObjectsReturned`` of ``PeriodicTask``."""
        found: list[PeriodicTask] = list(self.filter(*given, **fields)[:2])
        if len(found) == 1:
            return found[0]
        asked = ", ".join([*map(str, given), *(f"{name}={value!r}" for name, value in fields.items())])
        if found:
            raise self._task.MultipleObjectsReturned(_("There are several periodic tasks with {asked}.").format(asked=asked))
        raise self._task.DoesNotExist(_("There is no periodic task with {asked}.").format(asked=asked))

    def first(self) -> PeriodicTask | None:
        """Return the first, or None."""
        return next(iter(self[:1]), None)

    def last(self) -> PeriodicTask | None:
        """Return the last, or None."""
        row = self.rows.last()
        return None if row is None else self._task.of(row)

    def exists(self) -> bool:
        """Return whether there is any."""
        return self.rows.exists()

    def count(self) -> int:
        """Return how many there are."""
        return self.rows.count()

    def values_list(self, *names: str, flat: bool = False) -> list[Any]:
        """Return attributes of each, in tuples; with ``flat`` the only one by itself."""
        found = [tuple(getattr(task, name) for name in names) for task in self]
        return [values[0] for values in found] if flat else found

    def values(self, *names: str) -> list[dict[str, Any]]:
        """Return attributes of each by their names."""
        return [dict(zip(names, values, strict=True)) for values in self.values_list(*names)]

    # -- writing -----------------------------------------------------------------------------------------------------------

    def create(self, **fields: Any) -> PeriodicTask:
        """Make one. Raises ``ValidationError`` where its name is taken, or its schedule cannot be."""
        task = self._task(**fields)
        task.save()
        return task

    def get_or_create(self, defaults: Mapping[str, Any] | None = None, **fields: Any) -> tuple[PeriodicTask, bool]:
        """Return the one that matches, or a new one, and whether it is new."""
        with transaction.atomic(self.rows.db):
            found = self.filter(**fields).first()
            return (found, False) if found else (self.create(**{**fields, **(defaults or {})}), True)

    def update_or_create(
        self, defaults: Mapping[str, Any] | None = None, create_defaults: Mapping[str, Any] | None = None, **fields: Any
    ) -> tuple[PeriodicTask, bool]:
        """Change the one that matches, or make a new one. Returns it, and whether it is new."""
        with transaction.atomic(self.rows.db):
            found = self.filter(**fields).first()
            if found is None:
                new = defaults if create_defaults is None else create_defaults
                return self.create(**{**fields, **(new or {})}), True
            found.set(dict(defaults or {}))
            found.save()
            return found, False

    def update(self, **fields: Any) -> int:
        """Change each, with what follows from that: its next time. Returns how many."""
        with transaction.atomic(self.rows.db):
            tasks = list(self)
            for task in tasks:
                task.set(fields)
                task.save()
        return len(tasks)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete them. Returns how many, as Django does."""
        return self.rows.delete()


def _translated(query: Q) -> Q:
    """Return a condition with the names of our columns."""
    children = [_translated(child) if isinstance(child, Q) else _condition(*child) for child in query.children]  # type: ignore[misc]  # a pair
    return Q(*children, _connector=query.connector, _negated=query.negated)


def _condition(lookup: str, value: Any) -> Q:
    name, _mark, rest = lookup.partition("__")
    if name in OF_BEAT:
        return _of_schedule(name, rest, value)
    if name in EMPTY and not rest:
        value = parsed(name, value)
    column = OTHERWISE.get(name, name)
    if column == "queue" and value is None:
        value = ""
    return Q(**{f"{column}__{rest}" if rest else column: value})


def _of_schedule(kind: str, rest: str, value: Any) -> Q:
    if rest == "isnull" or value is None:
        return ~Q(kind=kind) if value in (True, None) else Q(kind=kind)
    if rest or not isinstance(value, Schedule):
        text = _("Periodic tasks are found by a whole schedule, such as {kind}=schedule, and not by {lookup}.")
        raise TypeError(text.format(kind=kind, lookup=f"{kind}__{rest}" if rest else f"{kind}={value!r}"))
    return Q(**value.columns())


def _ordering(name: str) -> str:
    sign, plain = ("-", name[1:]) if name.startswith("-") else ("", name)
    return f"{sign}{OTHERWISE.get(plain, plain)}"
