"""Bringing what the code declares into the table: the new in, the changed changed, the vanished retired.

A column that differs from the declaration before was changed by somebody, and is left as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from celeriac.beat.declaring import Declaration

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from celeriac.models import PeriodicTask

logger = logging.getLogger("celeriac.beat")

_SCHEDULE = ("kind", "fields", "time_zone")
"""Columns that make sense only together."""
_MOMENTS = ("start", "end")


def synchronise(alias: str, declared: Mapping[str, Declaration]) -> None:
    """Bring declarations into the table of a database, on Django's connection of this thread. Several may do so at once."""
    rows = _rows(alias)
    known = {row.name: row for row in rows.filter(name__in=declared)}
    new = [new_row(rows.model, name, declaration) for name, declaration in declared.items() if name not in known]
    rows.bulk_create(new, ignore_conflicts=True)
    for name, row in known.items():
        if row.origin != row.Origin.CODE:
            logger.warning("The periodic task %r was made in the database: what the code says of it is not used.", name)
        elif row.digest != declared[name].digest or row.retired:
            rows.filter(pk=row.pk, digest=row.digest).update(**_changes(row, declared[name]))
    gone = rows.filter(origin="code", retired=False).exclude(name__in=declared)
    gone.update(enabled=False, retired=True)


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


def _changes(row: PeriodicTask, declaration: Declaration) -> dict[str, Any]:
    """Return the columns to set: those that nobody changed, and that the entry is there again where it was not."""
    before, columns = row.declaration or {}, declaration.columns
    kept = {column for column in before if getattr(row, column) != column_value(column, before[column])}
    if kept.intersection(_SCHEDULE):
        kept.update(_SCHEDULE)
    changes = {column: column_value(column, value) for column, value in columns.items() if column not in kept}
    changes |= {"digest": declaration.digest, "declaration": columns, "retired": False, "problem": declaration.problem}
    if declaration.problem:
        changes["enabled"] = False
    elif row.retired or row.problem:
        changes["enabled"] = columns.get("enabled", True)
    if any(name in changes and changes[name] != getattr(row, name) for name in row.PLANNED):
        changes |= {"next_run": None, "held": None}
    return changes


def column_value(column: str, value: Any) -> Any:
    """Return what a column holds where a declaration says ``value``."""
    return datetime.fromisoformat(value) if column in _MOMENTS and value is not None else value
