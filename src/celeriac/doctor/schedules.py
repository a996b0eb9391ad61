"""The periodic tasks: does each name a task that there is, and will it run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Min
from django.db.models.functions import Now
from django.db.utils import Error

from celeriac.beat.checking import problem_of
from celeriac.beat.declaring import declared
from celeriac.beat.outlook import Found, outlook
from celeriac.beat.preview import UNREADABLE, schedule_of
from celeriac.beat.synchronising import synchronised
from celeriac.doctor.finding import Findings, advice, error, warning
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _
from celeriac.outbox import alias_of, has_tables

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from celeriac.app import Celery
    from celeriac.models import PeriodicTask

    Rows = QuerySet[PeriodicTask]
    Groups = Iterable[tuple[Any, ...]]

TOLD = 100
"""Periodic tasks that are told in words; and findings of each kind, each for all that have the same thing wrong with them."""
DIFFERENT = 10_000
"""Groups of periodic tasks that are looked at: of one schedule, of one unknown task, of one problem."""
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
    """Look for entries that will not run, and for those whose time has passed. However many there are, few are loaded.

    Those of the code are looked at as the next start will have them.
    """
    alias = alias_of(app)
    if alias is None or not has_tables():
        return
    from celeriac.models import PeriodicTask  # models cannot be imported before the apps are loaded

    table = PeriodicTask.objects.using(alias)
    try:
        code = synchronised(alias, declared(app))
        kept = table.exclude(origin="code").exclude(name__in=[row.name for row in code])
        running = table.filter(retired=False, enabled=True, problem="", task__in=list(app.tasks))
        for findings in (_of_code(app, code), _of_table(app, kept), _late(running)):
            yield from findings
    except Error:
        return  # whether the tables are there, another check tells


def _of_table(app: Celery, rows: Rows) -> Findings:
    sound = rows.filter(enabled=True, problem="")
    tasks = list(app.tasks)
    yield from islice(_stopped(_grouped(rows.exclude(problem=""), "problem")), TOLD)
    yield from islice(_unknown(app, _grouped(sound.exclude(task__in=tasks), "task")), TOLD)
    yield from islice(_odd(app, _grouped(sound.filter(task__in=tasks), "kind", "fields", "time_zone")), TOLD)


def _of_code(app: Celery, rows: Sequence[PeriodicTask]) -> Findings:
    for row in rows:
        if row.enabled and row.task in app.tasks:
            row.problem = problem_of(app, row)
    sound = [row for row in rows if row.enabled and not row.problem]
    yield from islice(_stopped(_alike([row for row in rows if row.problem], "problem")), TOLD)
    yield from islice(_unknown(app, _alike([row for row in sound if row.task not in app.tasks], "task")), TOLD)
    known = [row for row in sound if row.task in app.tasks]
    yield from islice(_odd(app, _alike(known, "kind", "fields", "time_zone")), TOLD)


def _stopped(groups: Groups) -> Findings:
    for problem, name, number in groups:
        text = _with_more(f"{name}: {problem}", number)
        yield error("schedules", text, _("Correct it in the code or in the admin, and enable it."))


def _unknown(app: Celery, groups: Groups) -> Findings:
    for task, name, number in groups:
        text = _("The periodic task {name!r} names the task {task!r}, which this project does not have.{hint}")
        said = text.format(name=name, task=task, hint=did_you_mean(task, app.tasks))
        yield error("schedules", _with_more(said, number), _("Correct the name, or disable the entry."))


def _late(rows: Rows) -> Findings:
    late = rows.filter(held=None, next_run__lt=Now() - timedelta(seconds=LATE))
    first = late.order_by("next_run", "name").first()
    if first is not None and first.next_run is not None:
        text = _("The periodic task {name!r} was due at {time:%Y-%m-%d %H:%M} UTC, and nobody has fired it.")
        said = text.format(name=first.name, time=first.next_run.astimezone(UTC))
        yield warning("schedules", _with_more(said, late.count()), "celeriac worker")


def _odd(app: Celery, groups: Groups) -> Findings:
    for kind, fields, zone, name, number in groups:
        if hint := _hint(app, kind, fields, zone):
            yield advice("schedules", _with_more(f"{name}: {hint}", number), _("Where it is meant so, leave it."))


def _grouped(rows: Rows, *columns: str) -> Groups:
    """Return the first groups of rows that are the same in these columns: those, the first name and how many there are."""
    groups: Any = rows.values(*columns).annotate(first=Min("name"), number=Count("id")).order_by("first")
    return (tuple(group[name] for name in (*columns, "first", "number")) for group in groups[:DIFFERENT])


def _alike(rows: Iterable[PeriodicTask], *columns: str) -> Groups:
    """Return the same of rows that are loaded."""
    groups: dict[str, list[Any]] = {}
    for row in sorted(rows, key=lambda row: row.name):
        values = [getattr(row, column) for column in columns]
        groups.setdefault(repr(values), [*values, row.name, 0])[-1] += 1
    return (tuple(group) for group in groups.values())


def _with_more(text: str, number: int) -> str:
    return text if number == 1 else f"{text} {_('And {n} more.').format(n=number - 1)}"


def _hint(app: Celery, kind: str, fields: Any, zone: str) -> str:
    from celeriac.models import PeriodicTask  # models cannot be imported before the apps are loaded

    try:
        return schedule_of(app, PeriodicTask(kind=kind, fields=fields, time_zone=zone)).hint()
    except UNREADABLE:
        return ""  # the ticker stops such an entry, and its problem says why
