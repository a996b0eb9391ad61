"""Entries that are planned shortly before their time: what is done at the time is what the rows say then."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from celeriac import Celery
from celeriac.beat.ahead import PlanningAhead
from celeriac.beat.planning import Planning
from celeriac.engine.brokers.sql.agenda import HURRY, SQLAgenda
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.codec import decode_payload
from celeriac.engine.entry import Entry, IsLive, Step
from celeriac.engine.job import Job
from celeriac.models import PeriodicTask

BATCH = 3
PATIENCE = 30.0


class Counting(Planning):
    """A planning that remembers for which entries it was asked, and at which time."""

    def __init__(self, app: Celery) -> None:
        super().__init__(app)
        self.asked: list[tuple[str, float]] = []

    def understood(self, entry: Entry, now: float, is_live: IsLive) -> Step:
        self.asked.append((entry.name, now))
        return super().understood(entry, now, is_live)


@pytest.fixture
def plan(app: Celery) -> Counting:
    return Counting(app)


@pytest.fixture
def agenda(plan: Counting, others: SQLBroker) -> SQLAgenda:
    ahead = PlanningAhead(plan)
    return SQLAgenda(others, ahead, prepare=ahead.prepare)


def rows(alias: str) -> Any:
    return PeriodicTask.objects.using(alias)


def due_soon(alias: str, *names: str, **columns: Any) -> float:
    """Make entries that are due at one time, which is about to come. Returns it."""
    due = datetime.now(UTC) + timedelta(seconds=HURRY + 1.5)
    given = {"kind": "interval", "fields": {"every": 3600}, "task": "count", "next_run": due, **columns}
    rows(alias).bulk_create([PeriodicTask(name=name, **given) for name in names])
    return due.timestamp()


def moment(due: float) -> datetime:
    return datetime.fromtimestamp(due, UTC)


def fired_at_its_time(agenda: SQLAgenda, others: SQLBroker) -> dict[str | None, Job]:
    """Look until what is due soon has been fired. Returns its jobs by the names of their entries."""
    deadline = time.monotonic() + PATIENCE
    while (until := agenda.fire(BATCH)) is None or until < PATIENCE:
        assert time.monotonic() < deadline
        time.sleep(min(until or 0.0, 0.1))
    return {job.schedule: job for job in others.find({}, 100)}


def fired_once(agenda: SQLAgenda, others: SQLBroker, count: int) -> dict[str | None, Job]:
    """Look until there are so many jobs."""
    deadline = time.monotonic() + PATIENCE
    while len(found := others.find({}, 100)) < count:
        assert time.monotonic() < deadline
        time.sleep(min(agenda.fire(BATCH) or 0.0, 0.1))
    return {job.schedule: job for job in found}


def test_what_is_planned_ahead_is_only_written_down_at_its_time(
    alias: str, agenda: SQLAgenda, plan: Counting, others: SQLBroker
) -> None:
    names = [f"entry {number}" for number in range(7)]
    due = due_soon(alias, *names, args=[1])
    assert (agenda.fire(BATCH) or 0) > HURRY / 2
    assert others.find({}, 100) == []
    jobs = fired_at_its_time(agenda, others)
    assert (sorted(map(str, jobs)), len(plan.asked)) == (names, 7)
    assert {moment(job.nominal or 0) for job in jobs.values()} == {moment(due)}
    assert {moment(now) for _name, now in plan.asked} == {moment(due)}, "each was planned for its nominal time"
    assert rows(alias).filter(last_run=moment(due), total_run_count=1).count() == 7


def test_what_somebody_changes_in_between_holds(alias: str, agenda: SQLAgenda, others: SQLBroker) -> None:
    due_soon(alias, "as it was", "changed", "paused", "deleted", "later", args=[1])
    assert (agenda.fire(BATCH) or 0) > HURRY / 2
    rows(alias).filter(name="changed").update(args=[2], queue="other")
    rows(alias).filter(name="paused").update(enabled=False)
    rows(alias).filter(name="deleted").delete()
    rows(alias).filter(name="later").update(next_run=datetime.now(UTC) + timedelta(hours=1))
    jobs = fired_at_its_time(agenda, others)
    said = {name: (job.queue, decode_payload(job.payload)[0]) for name, job in jobs.items()}
    assert said == {"as it was": ("celery", [1]), "changed": ("other", [2])}


def test_what_depends_on_the_moment_is_left_to_it(alias: str, agenda: SQLAgenda, plan: Counting, others: SQLBroker) -> None:
    due = due_soon(alias, "expires", options={"expires": 60})
    due_soon(alias, "waits", next_run=moment(due), options={"countdown": 60})
    due_soon(alias, "alone", next_run=moment(due), overlap="skip")
    due_soon(alias, "unknown", next_run=moment(due), task="no such task")
    due_soon(alias, "plain", next_run=moment(due))
    jobs = fired_once(agenda, others, 4)
    late = {name for name, now in plan.asked if now > due + 1e-5}
    assert late == {"expires", "waits", "alone", "unknown"}
    assert (jobs["expires"].expires or 0) >= due + 60
    assert (jobs["waits"].run_at or 0) >= due + 60


def test_a_tick_that_comes_so_late_that_the_next_is_due_too_brings_both(app: Celery, plan: Counting) -> None:
    ahead = PlanningAhead(plan)
    entry = Entry(
        id=1, name="often", kind="interval", fields={"every": 5}, time_zone="", task="count", args=[], kwargs={}, queue="",
        priority=None, headers={}, options={}, start=None, end=None, one_off=False, misfire="once", misfire_limit=10,
        overlap="allow", jitter=0.0, next_run=1000.0, held=None, last_run=None, last_job=None,
    )  # fmt: skip
    for now, expected in ((1000.2, [1000.0]), (1006.0, [1000.0, 1005.0]), (1040.0, [1030.0, 1035.0, 1040.0])):
        ahead.prepare([entry], PATIENCE)
        [step] = ahead([entry], now, lambda id: False)
        assert [job.nominal for job in step.jobs] == expected
