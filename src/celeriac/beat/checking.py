"""What is wrong with a periodic task, said before it is due: what stops its ticker, and arguments that do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from celeriac.arguments import ArgumentCheck
from celeriac.beat.planning import OF_A_ROW, Planning, arguments_of
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
    return {**schedule_problems(app, row), **task_problems(app, row)}


def schedule_problems(app: Celery, row: PeriodicTask) -> Problems:
    """Return what is wrong with when it runs. The names are those of the schedule's kind, ``time_zone``, ``kind``, ``end``."""
    try:
        zone_of(row.time_zone or None)
    except UNREADABLE as error:
        return {"time_zone": str(error)}
    try:
        preview = preview_of(app, row, times=1)
    except UNREADABLE as error:
        kind = KINDS.get(row.kind)
        return {_blamed(str(error), kind.names if kind is not None else ()) or "kind": str(error)}
    if preview.times or not row.enabled:
        return {}
    return {"kind" if row.end is None else "end": _("Its time is over: there is none to come.")}


def task_problems(app: Celery, row: PeriodicTask) -> Problems:
    """Return what is wrong with what it runs: the task's name, arguments that do not fit it, options that there are not."""
    if row.task not in app.tasks:
        text = _("No task is registered as {name!r}.{hint}")
        return {"task": text.format(name=row.task, hint=did_you_mean(row.task, app.tasks))}
    entry = entry_of(row)
    try:
        args, kwargs, _options = arguments_of(entry)
    except OF_A_ROW as error:
        return {_blamed(str(error), ("args", "kwargs", *OPTIONS)): str(error)}
    try:
        check_arguments(app.tasks[row.task], args, kwargs)
    except TypeError as error:
        return {"kwargs" if _blamed(str(error).rpartition(":")[2], kwargs) else "args": str(error)}
    try:
        Planning(app).job(entry, app.clock.wall())
    except OF_A_ROW as error:
        return {_blamed(str(error), OPTIONS) or "options": str(error)}
    return {}


def check_arguments(task: Any, args: Any, kwargs: Any) -> None:
    """Raise ``TypeError`` where a task could not be called so, and wants its calls to be checked."""
    wanted = task.app.strict_typing if task.typing is None else task.typing
    if wanted:
        ArgumentCheck(task.name, task.run)(args, kwargs)


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
