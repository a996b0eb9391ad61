"""Bringing what the code declares into the table: the new in, the changed changed, the vanished retired.

A column that differs from the declaration before was changed by somebody, and is left as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, Case, DateTimeField, F, Q, Value, When
from django.db.models.functions import Coalesce, Now

from celeriac.beat.declaring import Declaration

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from celeriac.models import PeriodicTask

logger = logging.getLogger("celeriac.beat")

_SCHEDULE = ("kind", "fields", "time_zone")
"""Columns that make sense only together."""
_MOMENTS = ("start", "end")
_IS_WANTED = Case(
    When(Q(enabled=True) | (Q(enabled_before=None) & ~Q(problem="")), then=Value(True)),
    default=Coalesce("enabled_before", Value(False)),
    output_field=BooleanField(),
)
"""``PeriodicTask.is_wanted``, of what is not retired."""


def synchronise(alias: str, declared: Mapping[str, Declaration]) -> None:
    """Bring declarations into the table of a database, on Django's connection of this thread. Several may do so at once."""
    rows = _rows(alias)
    known = {row.name: row for row in rows.filter(name__in=declared)}
    new = [new_row(rows.model, name, declaration) for name, declaration in declared.items() if name not in known]
    rows.bulk_create(new, ignore_conflicts=True)
    for name, row in known.items():
        if row.origin != row.Origin.CODE:
            logger.warning("The periodic task %r was made in the database: what the code says of it is not used.", name)
        elif changes := changes_of(row, declared[name]):
            rows.filter(pk=row.pk, digest=row.digest).update(**changes)
    gone = rows.filter(origin="code", retired=False).exclude(name__in=declared)
    gone.update(enabled_before=_IS_WANTED, enabled=False, retired=True)  # in this order: MySQL goes by it


def synchronised(alias: str, declared: Mapping[str, Declaration]) -> list[PeriodicTask]:
    """Return the rows of what the code declares as ``synchronise`` is going to leave them. Nothing is written."""
    rows = _rows(alias)
    known = {row.name: row for row in rows.filter(name__in=declared)}
    for name, row in known.items():
        if row.origin == row.Origin.CODE:
            for column, value in changes_of(row, declared[name]).items():
                setattr(row, column, value)
    return [known[name] if name in known else new_row(rows.model, name, declaration) for name, declaration in declared.items()]


def is_planned_elsewhere(row: PeriodicTask, zone: str, now: datetime) -> bool:
    """Return whether ``replan`` is going to have a row planned anew."""
    if row._state.adding or row.time_zone or row.planned_in in ("", zone):
        return False
    return row.held is None and row.next_run is not None and row.next_run > now


def replan(alias: str, zone: str) -> None:
    """Have rows that name no zone planned anew where they were planned in another of the project's than this one.

    What is due or held keeps its tick: the time after it is reckoned in the new zone anyway.
    """
    elsewhere = _rows(alias).filter(time_zone="").exclude(planned_in__in=("", zone))
    ahead = When(held=None, next_run__gt=Now(), then=Value(None))
    if elsewhere.exists():  # looking for them takes no lock
        elsewhere.update(next_run=Case(ahead, default=F("next_run"), output_field=DateTimeField()), planned_in=zone)


def _rows(alias: str) -> QuerySet[PeriodicTask]:
    from celeriac.models import PeriodicTask  # models cannot be imported before the apps are loaded

    return PeriodicTask.objects.using(alias)


def new_row(model: type[PeriodicTask], name: str, declaration: Declaration) -> PeriodicTask:
    """Return the row of a declaration, not written yet."""
    values = {column: column_value(column, value) for column, value in declaration.columns.items()}
    enabled = bool(values.pop("enabled", True)) and not declaration.problem
    return model(
        name=name, enabled=enabled, origin="code", digest=declaration.digest, declaration=declaration.columns,
        problem=declaration.problem, **values,
    )  # fmt: skip


def changes_of(row: PeriodicTask, declaration: Declaration) -> dict[str, Any]:
    """Return the columns of a row from code that are to be set: those that nobody changed; none where nothing is new."""
    if row.digest == declaration.digest and not row.retired:
        return {}
    changes: dict[str, Any] = {"digest": declaration.digest, "retired": False, "problem": declaration.problem}
    if declaration.problem:  # the rest stays, so that what was changed is known when the declaration is mended
        return {**changes, "enabled": False, "enabled_before": row.is_wanted, "next_run": None, "held": None}
    columns, kept = declaration.columns, set(row.overrides)
    if kept.intersection(_SCHEDULE):
        kept.update(_SCHEDULE)
    changes |= {column: column_value(column, value) for column, value in columns.items() if column not in kept}
    changes |= {"declaration": columns, "enabled": changes.get("enabled", row.is_wanted), "enabled_before": None}
    if any(name in changes and changes[name] != getattr(row, name) for name in row.PLANNED):
        changes |= {"next_run": None, "held": None}
    return changes


def column_value(column: str, value: Any) -> Any:
    """Return what a column holds where a declaration says ``value``."""
    return datetime.fromisoformat(value) if column in _MOMENTS and value is not None else value
