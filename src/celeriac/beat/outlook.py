"""What is to come: the periodic tasks in words with their next runs; those of the code as the next start will have them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from celeriac.beat.checking import problem_of
from celeriac.beat.declaring import declared
from celeriac.beat.preview import UNREADABLE, coming_times, schedule_of, words_of
from celeriac.beat.synchronising import is_planned_elsewhere, synchronised
from celeriac.engine.translation import gettext as _
from celeriac.schedules.zone import zone_of

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.models import PeriodicTask

NEXT = 3
"""Runs that are told of each."""
AT_START = 100
"""Periodic tasks that a start-up text tells of."""


class Outlook(msgspec.Struct, kw_only=True):
    """A periodic task in words, with its next runs in seconds since 1970 UTC. ``zone`` is the one it reckons in."""

    name: str
    task: str
    when: str
    enabled: bool
    zone: str = "UTC"
    next: list[float] = msgspec.field(default_factory=list)
    hint: str = ""
    problem: str = ""


class Found(NamedTuple):
    """The first of them by name, and how many more there are."""

    entries: list[Outlook]
    more: int


def outlook(app: Celery, alias: str, limit: int, disabled: bool = False) -> Found:
    """Return up to ``limit`` periodic tasks of a database, the disabled ones only where asked. Raises Django's ``Error``.

    First come those of the code that are stopped for what is wrong with them, asked for or not.
    """
    from celeriac.models import PeriodicTask  # models cannot be imported before the apps are loaded

    in_code = declared(app)
    code = [row for row in synchronised(alias, in_code) if disabled or row.enabled or row.problem]
    others = PeriodicTask.objects.using(alias).exclude(origin="code").exclude(name__in=in_code)
    kept = others if disabled else others.filter(enabled=True)
    first = sorted([*code, *kept.order_by("name")[:limit]], key=_place)[:limit]
    more = 0 if len(first) < limit else len(code) + kept.count() - len(first)
    return Found([_entry(app, row) for row in first], more)


def _place(row: PeriodicTask) -> tuple[bool, str]:
    return not row.problem, row.name


def _entry(app: Celery, row: PeriodicTask) -> Outlook:
    told: dict[str, Any] = {"name": row.name, "task": row.task, "enabled": row.enabled, "problem": row.problem}
    try:
        schedule = schedule_of(app, row)
        told |= {"when": words_of(app, row), "hint": schedule.hint(), "zone": row.time_zone or app.settings.timezone}
        told["problem"] = problem_of(app, row)
        return Outlook(**told, next=_next_runs(app, row) if row.enabled else [])
    except UNREADABLE as failure:
        problem = row.problem or str(failure)
        return Outlook(**{**told, "when": problem, "problem": problem})


def _next_runs(app: Celery, row: PeriodicTask) -> list[float]:
    now = datetime.fromtimestamp(app.clock.wall(), UTC)
    if is_planned_elsewhere(row, app.settings.timezone, now):
        row.next_run = None
    return list(islice(coming_times(app, row), NEXT))


def lines(app: Celery, alias: str) -> list[str]:
    """Return the lines of a start-up text: what runs, and what of it is likely not meant so. Raises Django's ``Error``."""
    found = outlook(app, alias, AT_START)
    text: list[str] = []
    begin = _("  beat    ")
    for entry in found.entries:
        if entry.problem:
            about = _("{name} does not run: {problem}").format(name=entry.name, problem=entry.problem)
            text.append(_("  warning {text}").format(text=about))
            continue
        text.append(begin + _("{name}: {when}; next {times}").format(name=entry.name, when=entry.when, times=_shown(entry)))
        begin = " " * len(begin)
        if entry.hint:
            text.append(_("  warning {text}").format(text=f"{entry.name}: {entry.hint}"))
    if found.more:
        text.append(_("          and {n} more: celeriac doctor").format(n=found.more))
    return text


def _shown(entry: Outlook) -> str:
    zone = zone_of(entry.zone)
    return ", ".join(f"{datetime.fromtimestamp(time, zone):%Y-%m-%d %H:%M:%S}" for time in entry.next) or "-"
