"""What is to come: the periodic tasks in words with their next runs, also those of the code that are not in the table yet."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from celeriac.beat.declaring import declared
from celeriac.beat.preview import UNREADABLE, schedule_of, words_of
from celeriac.beat.rows import entry_of
from celeriac.beat.synchronising import new_row
from celeriac.beat.timetable import Timetable
from celeriac.engine.translation import gettext as _
from celeriac.schedules.zone import zone_of

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.models import PeriodicTask

NEXT = 3
"""Runs that are told of each."""
AT_START = 10
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
    """Return up to ``limit`` periodic tasks of a database, the disabled ones only where asked. Raises Django's ``Error``."""
    from celeriac.models import PeriodicTask  # models cannot be imported before the apps are loaded

    table = PeriodicTask.objects.using(alias)
    in_code = declared(app)
    known = set(table.filter(name__in=in_code).values_list("name", flat=True))
    new = [new_row(PeriodicTask, name, declaration) for name, declaration in in_code.items() if name not in known]
    new = [row for row in new if disabled or row.enabled]
    kept = table.filter(retired=False) if disabled else table.filter(retired=False, enabled=True)
    first = sorted([*new, *kept.order_by("name")[:limit]], key=lambda row: row.name)[:limit]
    more = 0 if len(first) < limit else len(new) + kept.count() - len(first)
    return Found([_entry(app, row) for row in first], more)


def _entry(app: Celery, row: PeriodicTask) -> Outlook:
    told: dict[str, Any] = {"name": row.name, "task": row.task, "enabled": row.enabled, "problem": row.problem}
    try:
        schedule = schedule_of(app, row)
        told |= {"when": words_of(app, row), "hint": schedule.hint(), "zone": row.time_zone or app.settings.timezone}
        return Outlook(**told, next=_next_runs(app, row) if row.enabled else [])
    except UNREADABLE as failure:
        return Outlook(**{**told, "when": row.problem or str(failure)})


def _next_runs(app: Celery, row: PeriodicTask) -> list[float]:
    """Return the next runs: that which is planned, and those after it."""
    timetable = Timetable(entry_of(row), row.fields, app.settings.timezone)
    following = timetable.next(app.clock.wall()) if row.next_run is None else row.next_run.timestamp()
    times: list[float] = []
    while following is not None and len(times) < NEXT:
        times.append(following)
        following = timetable.next(following)
    return times


def lines(app: Celery, alias: str) -> list[str]:
    """Return the lines of a start-up text: what runs, and what of it is likely not meant so. Raises Django's ``Error``."""
    found = outlook(app, alias, AT_START)
    text: list[str] = []
    for entry in found.entries:
        begin = _("  beat    ") if not text else " " * len(_("  beat    "))
        text.append(begin + _("{name}: {when}; next {times}").format(name=entry.name, when=entry.when, times=_shown(entry)))
        if entry.hint:
            text.append(_("  warning {text}").format(text=f"{entry.name}: {entry.hint}"))
    if found.more:
        text.append(_("          and {n} more: celeriac doctor").format(n=found.more))
    return text


def _shown(entry: Outlook) -> str:
    zone = zone_of(entry.zone)
    return ", ".join(f"{datetime.fromtimestamp(time, zone):%Y-%m-%d %H:%M:%S}" for time in entry.next) or "-"
