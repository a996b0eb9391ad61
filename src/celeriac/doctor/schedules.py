"""The periodic tasks: does each name a task that there is, and will it run."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from django.db.utils import Error

from celeriac.beat.outlook import Found, outlook
from celeriac.beat.preview import UNREADABLE, schedule_of
from celeriac.doctor.finding import Findings, advice, error, warning
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _
from celeriac.outbox import alias_of, has_tables

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.models import PeriodicTask

TOLD = 100
"""Periodic tasks that are told in words."""
LATE = 60.0
"""Seconds after which somebody should have fired what is due."""


def entries(app: Celery) -> Found:
    """Return the first periodic tasks by their names, in words, and how many more there are."""
    alias = alias_of(app)
    if alias is None or not has_tables():
        return Found([], 0)
    try:
        return outlook(app, alias, TOLD, disabled=True)
    except Error:
        return Found([], 0)  # whether the tables are there, another check tells


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


def _rows(app: Celery) -> list[PeriodicTask]:
    alias = alias_of(app)
    if alias is None or not has_tables():
        return []
    from celeriac.models import PeriodicTask  # models cannot be imported before the apps are loaded

    try:
        return list(PeriodicTask.objects.using(alias).filter(retired=False).order_by("name"))
    except Error:
        return []  # whether the tables are there, another check tells


def _hint(row: PeriodicTask, app: Celery) -> str:
    try:
        return schedule_of(app, row).hint()
    except UNREADABLE:
        return ""  # the ticker stops such an entry, and its problem says why
