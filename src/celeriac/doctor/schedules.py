"""The periodic tasks: does each name a task that there is, and will it run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec
from django.db.utils import Error

from celeriac.doctor.database import alias_of
from celeriac.doctor.finding import Findings, advice, error, warning
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _
from celeriac.outbox import has_tables
from celeriac.schedules import BaseSchedule, from_dict

if TYPE_CHECKING:
    from celeriac.app import Celery

NEXT = 3
LATE = 60.0
"""Seconds after which somebody should have fired what is due."""
_UNREADABLE = (ValueError, TypeError, KeyError, NotImplementedError, ImportError)


class Entry(msgspec.Struct, kw_only=True):
    """A periodic task in words, with its next runs. Times are seconds since 1970 UTC."""

    name: str
    task: str
    when: str
    enabled: bool
    next: list[float]
    problem: str = ""


def entries(app: Celery) -> list[Entry]:
    """Return the periodic tasks of the table, by their names."""
    return [_entry(row, app) for row in _rows(app)]


def schedules(app: Celery) -> Findings:
    """Look for entries that will not run, and for those whose time has passed."""
    now = app.clock.wall()
    for row in _rows(app):
        if row.problem:
            yield error("schedules", f"{row.name}: {row.problem}", _("Correct it in the code or in the admin, and enable it."))
        elif row.enabled and row.task not in app.tasks:
            text = _("The periodic task {name!r} names the task {task!r}, which this project does not have.{hint}")
            hint = did_you_mean(row.task, app.tasks)
            fix = _("Correct the name, or disable the entry.")
            yield error("schedules", text.format(name=row.name, task=row.task, hint=hint), fix)
        elif row.enabled and row.next_run is not None and row.next_run.timestamp() < now - LATE and row.held is None:
            text = _("The periodic task {name!r} was due at {time:%Y-%m-%d %H:%M} UTC, and nobody has fired it.")
            yield warning("schedules", text.format(name=row.name, time=row.next_run.astimezone(UTC)), "celeriac worker")
        elif row.enabled and (hint := _hint(row, app)):
            yield advice("schedules", f"{row.name}: {hint}", _("Where it is meant so, leave it."))


def _rows(app: Celery) -> list[Any]:
    alias = alias_of(app)
    if alias is None or not has_tables():
        return []
    from celeriac.models import PeriodicTask  # models cannot be imported before the apps are loaded

    try:
        return list(PeriodicTask.objects.using(alias).filter(retired=False).order_by("name"))
    except Error:
        return []  # whether the tables are there, another check tells


def _schedule(row: Any, app: Celery) -> BaseSchedule:
    fields: Mapping[str, Any] = row.fields if isinstance(row.fields, Mapping) else {}
    return from_dict({**fields, "kind": row.kind, "tz": row.time_zone or app.settings.timezone})


def _hint(row: Any, app: Celery) -> str:
    try:
        return _schedule(row, app).hint()
    except _UNREADABLE:
        return ""  # the ticker stops such an entry, and its problem says why


def _entry(row: Any, app: Celery) -> Entry:
    try:
        schedule = _schedule(row, app)
        when = schedule.describe()
        after = app.now()
        following = [moment.timestamp() for moment in schedule.next_times(after, NEXT)] if row.enabled else []
    except _UNREADABLE as failure:
        when, following = str(failure), []
    return Entry(name=row.name, task=row.task, when=when, enabled=row.enabled, next=following, problem=row.problem)
