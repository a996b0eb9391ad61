"""What is wrong with a periodic task, said before it is due: what stops its ticker, and arguments that do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from celeriac.arguments import ArgumentCheck, Misfit
from celeriac.beat.fitting import check_arguments
from celeriac.beat.planning import OF_A_ROW, Planning, arguments_of
from celeriac.beat.policies import policy_problems
from celeriac.beat.preview import UNREADABLE, preview_of
from celeriac.beat.rows import entry_of
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _
from celeriac.schedules import KINDS
from celeriac.schedules.zone import zone_of

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.models import PeriodicTask

OPTIONS = ("queue", "priority", "headers", "options")
"""Columns that say how its jobs are enqueued."""

Problems = dict[str, str]
"""A sentence for each column or schedule's field that is wrong; by the empty name, for what belongs to none."""


def problems_of(app: Celery, row: PeriodicTask) -> Problems:
    """Return what is wrong with a row, saved or not. Nothing is enqueued."""
    return {**schedule_problems(app, row), **timing_problems(row), **task_problems(app, row)}


def schedule_problems(app: Celery, row: PeriodicTask) -> Problems:
    """Return what is wrong with when it runs. The names are those of the schedule's kind, ``time_zone``, ``kind``, ``end``."""
    if wrong := zone_problems(row):
        return wrong
    try:
        preview = preview_of(app, row, times=1)
    except UNREADABLE as error:
        kind = KINDS.get(row.kind)
        return {_blamed(str(error), kind.names if kind is not None else ()) or "kind": str(error)}
    if preview.times or not row.enabled:
        return {}
    return {"kind" if row.end is None else "end": _("Its time is over: there is none to come.")}


def zone_problems(row: PeriodicTask) -> Problems:
    """Return what is wrong with its time zone."""
    try:
        zone_of(row.time_zone or None)
    except UNREADABLE as error:
        return {"time_zone": str(error)}
    return {}


def timing_problems(row: PeriodicTask) -> Problems:
    """Return what is wrong with what becomes of its times: those that were missed, that overlap, that are put off."""
    return policy_problems(row.misfire, row.misfire_limit, row.overlap, row.jitter)


def unknown_task(app: Celery, name: str) -> str:
    """Return a sentence where there is no task of this name; empty where there is one."""
    if name in app.tasks:
        return ""
    return _("No task is registered as {name!r}.{hint}").format(name=name, hint=did_you_mean(name, app.tasks))


def task_problems(app: Celery, row: PeriodicTask) -> Problems:
    """Return what is wrong with what it runs: the task's name, arguments that do not fit it, options that there are not."""
    if unknown := unknown_task(app, row.task):
        return {"task": unknown}
    entry = entry_of(row)
    try:
        args, kwargs, _options = arguments_of(entry)
    except OF_A_ROW as error:
        return {_blamed(str(error), ("args", "kwargs", *OPTIONS)): str(error)}
    try:
        check_arguments(app.tasks[row.task], args, kwargs)
    except Misfit as error:
        return {"kwargs" if error.argument in kwargs else "args": str(error)}
    try:
        Planning(app).job(entry, app.clock.wall())
    except OF_A_ROW as error:
        return {_blamed(str(error), OPTIONS) or "options": str(error)}
    return {}


def problem_of(app: Celery, row: PeriodicTask) -> str:
    """Return why a row does not run, as far as that is known before its time: what stopped it, or what it cannot run."""
    return row.problem or " ".join(task_problems(app, row).values())


def signature_text(task: Any) -> str:
    """Return how a task is called, such as ``shop.tasks.add(a, b=1)``."""
    signature = ArgumentCheck(task.name, task.run).signature
    if signature is None:
        return f"{task.name}(...)"
    bare = [parameter.replace(annotation=_bare(parameter.annotation)) for parameter in signature.parameters.values()]
    return f"{task.name}{signature.replace(parameters=bare, return_annotation=_bare(signature.return_annotation))}"


class _Bare(str):
    """An annotation that is a text, shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _bare(annotation: Any) -> Any:
    return _Bare(annotation) if isinstance(annotation, str) else annotation


def _blamed(message: str, names: Iterable[str]) -> str:
    """Return the first of ``names`` that a message speaks of; empty where it speaks of none. Names are in no language."""
    return next((name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", message)), "")
