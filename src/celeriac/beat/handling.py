"""Periodic tasks as people handle them: run now, paused, resumed, put back to what the code declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from celeriac.beat.checking import Problems, problems_of, task_problems
from celeriac.beat.planning import Planning, with_recent
from celeriac.beat.rows import entry_of, rows_of
from celeriac.beat.synchronising import column_value
from celeriac.calling import publish
from celeriac.engine.errors import BrokerUnavailable, CeleriacError
from celeriac.engine.job import Job
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.models import PeriodicTask


def run_now(app: Celery, row: PeriodicTask) -> Job:
    """Enqueue the job of an entry at once and return it. That is no tick: its schedule goes on as if nothing had happened.

    Raises ``CeleriacError`` for an entry that could not run, and ``BrokerUnavailable``.
    """
    _refuse(task_problems(app, row))
    job = Planning(app).job_now(entry_of(row), app.clock.wall())
    publish(app, (job,))
    with transaction.atomic(using=rows_of(app).db):
        # A ticker adds to the same column, under the same lock.
        for known in rows_of(app).select_for_update().filter(pk=row.pk).values_list("recent", flat=True):
            rows_of(app).filter(pk=row.pk).update(recent=with_recent(known, [job.id]))
    return job


def pause(row: PeriodicTask) -> bool:
    """Let an entry run no more until it is resumed. Returns whether that changed anything."""
    if not row.enabled:
        return False
    row.enabled = False
    row.save()
    return True


def resume(app: Celery, row: PeriodicTask) -> bool:
    """Let an entry run again, from its next time on. Returns whether that changed anything.

    Raises ``CeleriacError`` for one that could not run, and for one that left the code.
    """
    if row.retired:
        raise CeleriacError(_("It is no longer declared in the code. Clone it to go on with it."))
    if row.enabled:
        return False
    row.enabled, row.next_run, row.held = True, None, None
    _refuse(problems_of(app, row))
    row.save()
    return True


def back_to_declaration(row: PeriodicTask) -> dict[str, Any]:
    """Make an entry what the code says it is. Returns what somebody had changed, by column."""
    overrides = row.overrides
    for column in overrides:
        setattr(row, column, column_value(column, (row.declaration or {})[column]))
    if overrides:
        row.enabled = (row.declaration or {}).get("enabled", row.enabled)
        row.save()
    return overrides


def recent_jobs(app: Celery, row: PeriodicTask) -> list[Job]:
    """Return the last jobs of an entry, the latest first, as far as they are still kept. Raises ``BrokerUnavailable``."""
    ids = row.recent if isinstance(row.recent, list) else []
    broker = app.broker()
    return [job for id in reversed(ids) if (job := broker.get(str(id))) is not None]


def _refuse(problems: Problems) -> None:
    if problems:
        raise CeleriacError(" ".join(problems.values()))


def nobody_ticks(app: Celery) -> str:
    """Return a sentence where nobody fires what is due, with the command that mends it; empty where somebody does."""
    broker = app.broker()
    if not broker.capabilities.durable:
        text = _("The broker {url} lasts as long as its process, so no periodic task is fired. Set CELERY_BROKER_URL.")
        return text.format(url=app.settings.broker_url)
    try:
        alive = bool(broker.workers())
    except BrokerUnavailable as error:
        return _("Whether a worker is alive, the broker does not say: {error}").format(error=error)
    if alive:
        return ""
    return _("No worker is alive, so nothing that is due is fired. Start one: python manage.py celeriac worker")
