"""``celeriac import-beat``: the periodic tasks that django-celery-beat kept, as rows of ours. Theirs stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import ValidationError

from celeriac.arguments import Misfit
from celeriac.beat.declaring import declared
from celeriac.beat.fitting import check_arguments
from celeriac.compat.beat import tables
from celeriac.compat.beat.rows import all_rows
from celeriac.compat.beat.schedules import OF_BEAT, IntervalSchedule, Schedule
from celeriac.compat.beat.tasks import PeriodicTask
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery

CLEAN_UP = "celery.backend_cleanup"
_COPIED = (
    "name", "task", "args", "kwargs", "headers", "queue", "routing_key", "priority", "expires", "expire_seconds", "one_off",
    "start_time", "description", "last_run_at", "total_run_count",
)  # fmt: skip
_WRONG = (ValidationError, ValueError, TypeError, OverflowError, ImportError)


class Verdict(StrEnum):
    """What became of a row."""

    IMPORTED = "imported"
    THERE = "already there"
    LEFT = "left out"
    FAILED = "cannot be"


class Imported(NamedTuple):
    """A row of django-celery-beat, what became of it, and what there is to know: when it runs, or why it does not."""

    name: str
    verdict: Verdict
    about: str


def import_rows(app: Celery, alias: str, write: bool = True) -> list[Imported]:
    """Copy the periodic tasks of a database that are not here yet. With ``write=False`` only say what would become of each.

    Raises ``ImproperlyConfigured`` where there are none of its tables.
    """
    known = set(all_rows().values_list("name", flat=True))
    in_code = declared(app).keys()
    return [_imported(app, row, known, in_code, write) for row in tables.read(alias)]


def _imported(app: Celery, row: Mapping[str, Any], known: set[str], in_code: Any, write: bool) -> Imported:
    name = row["name"]
    if row["task"] == CLEAN_UP:
        return Imported(name, Verdict.LEFT, _("Every worker deletes the records of ended jobs that are past their age."))
    if name in in_code:
        text = _("The code declares it. What was changed of it in the admin of django-celery-beat is to be changed here again.")
        return Imported(name, Verdict.LEFT, text)
    if name in known:
        return Imported(name, Verdict.THERE, _("There is a periodic task of this name, which is left as it is."))
    try:
        task = _task(row)
        about = _adjusted(app, task)
        task.full_clean()
        if write:
            task.save()
    except _WRONG as error:
        return Imported(name, Verdict.FAILED, " ".join(getattr(error, "messages", [str(error)])))
    return Imported(name, Verdict.IMPORTED, about)


def _task(row: Mapping[str, Any]) -> PeriodicTask:
    """Return the row in our table that does the same, not written yet."""
    task = PeriodicTask(enabled=bool(row["enabled"]))
    for kind, made in OF_BEAT.items():
        if row[kind] is not None:
            setattr(task, kind, _schedule(made, row[kind]))
    task.set({name: row[name] for name in _COPIED if row.get(name) is not None})
    task.one_off = bool(row.get("one_off"))
    return task


def _schedule(made: type[Schedule], row: Mapping[str, Any]) -> Schedule:
    return made(**{name: row[name] for name in made.defaults if row.get(name) is not None})


def _adjusted(app: Celery, task: PeriodicTask) -> str:
    """Have an interval go on from its last run, and stop what can run no more. Returns what there is to know."""
    if task.scheduler is None:
        return ""  # it is refused for that
    now, schedule = datetime.now(UTC), task.schedule
    words = str(schedule.describe())
    if task.interval is not None and task.last_run_at is not None:
        task.row.next_run = _going_on(task.interval, task.last_run_at, now)
    if task.enabled and _is_over(task, schedule.next(max(now, task.start_time or now))):
        task.enabled = False
        return _("{words}. It is disabled: its time is over.").format(words=words)
    if not task.enabled:
        return _("{words}. It is disabled, as it was.").format(words=words)
    if task.task not in app.tasks:
        text = _("{words}. This project has no task {task!r}.{hint}")
        return text.format(words=words, task=task.task, hint=did_you_mean(task.task, app.tasks))
    try:
        check_arguments(app.tasks[task.task], task.row.args, task.row.kwargs)
    except Misfit as error:
        return f"{words}. {error}"
    hint = schedule.hint()
    return f"{words}. {hint}" if hint else words


def _is_over(task: PeriodicTask, following: datetime | None) -> bool:
    return following is None or (task.row.end is not None and following > task.row.end)


def _going_on(interval: IntervalSchedule, last: datetime, now: datetime) -> datetime | None:
    """Return when an interval would have run next; None where that is past, and it begins anew."""
    following = last + timedelta(seconds=interval.schedule.seconds)
    return following if following > now else None
