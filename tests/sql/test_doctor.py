"""The doctor on a real database: each thing that is wrong is found, and says what mends it; a healthy project hears nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.db.models.signals import post_init
from django.utils import timezone

from celeriac import Celery
from celeriac.cli.doctor import counted
from celeriac.doctor import Finding, Gravity, database, entries, examine
from celeriac.engine.brokers.base import Cancel, Pause, WorkerInfo
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.clock import SystemClock
from celeriac.engine.job import State
from celeriac.models import PeriodicTask
from celeriac.schedules import crontab
from celeriac.testing.conformance.scenario import LONG, a_child, a_failure, a_job, an_outcome, claim_one
from tests.conformance.conftest import database as a_database

Examine = Callable[[], dict[str, list[Finding]]]


@pytest.fixture
def app(alias: str) -> Iterator[Celery]:
    app = Celery("shop", broker=f"django://{alias}")
    app.task(name="shop.pack")(lambda: None)
    app.finalize()
    yield app
    app.close()


@pytest.fixture
def worker(app: Celery, others: SQLBroker) -> WorkerInfo:
    """A worker of all the queues that the project's tasks go to."""
    queues = sorted({str(app.plan(name, task).queue) for name, task in app.tasks.items()})
    info = WorkerInfo(id="w", name="w@tree", host="tree", pid=1, pool="prefork", concurrency=1, queues=queues, version="1")
    others.join(info, LONG)
    return info


@pytest.fixture
def examined(app: Celery) -> Examine:
    """Return what the doctor finds, by the names of the checks; system checks are about the settings of these tests."""

    def examined() -> dict[str, list[Finding]]:
        found: dict[str, list[Finding]] = {}
        for finding in examine(app):
            if finding.about != "settings":
                found.setdefault(finding.about, []).append(finding)
        return found

    return examined


@pytest.mark.usefixtures("worker")
def test_of_a_healthy_project_nothing_is_said(examined: Examine) -> None:
    assert examined() == {}


def test_that_nobody_works_is_an_error(examined: Examine) -> None:
    found = examined()
    assert list(found) == ["workers"]
    assert (found["workers"][0].gravity, found["workers"][0].fix) == (Gravity.ERROR, "celeriac worker")


def test_a_queue_with_jobs_and_no_worker_is_named_with_the_command_that_starts_one(
    examined: Examine, worker: WorkerInfo, caller: SQLBroker
) -> None:
    caller.push([a_job(queue="alone")])
    [finding] = examined()["queues"]
    assert "'alone'" in finding.text
    assert finding.fix == "celeriac worker -Q alone"


def test_a_paused_queue_with_jobs_is_named(examined: Examine, worker: WorkerInfo, caller: SQLBroker) -> None:
    caller.control(Pause(("celery",)))
    assert "queues" not in examined()
    caller.push([a_job(queue="celery")])
    assert examined()["queues"][0].fix == "celeriac queues resume celery"


def test_tasks_that_nobody_listens_to_are_named_before_they_are_called(
    examined: Examine, app: Celery, worker: WorkerInfo
) -> None:
    app.task(name="shop.slow", queue="slow")(lambda: None)
    [finding] = examined()["tasks"]
    assert "'slow'" in finding.text
    assert "shop.slow" in finding.text
    assert finding.fix == "celeriac worker -Q slow"


def test_parked_jobs_are_counted_by_task_with_the_latest_reason(
    examined: Examine, worker: WorkerInfo, others: SQLBroker
) -> None:
    child = a_child(others)
    for _ in range(2):
        others.push([a_job(task="shop.gone")])
        others.settle([an_outcome(claim_one(others, child), State.PARKED, failure=a_failure("nobody knows it"))])
    [finding] = examined()["parked"]
    assert "shop.gone" in finding.text
    assert "2" in finding.text
    assert "nobody knows it" in finding.text
    assert finding.fix.endswith("celeriac jobs retry --state parked --task shop.gone")
    others.control(Cancel(tuple(job.id for job in others.find({"state": State.PARKED}, 5))))
    assert "parked" not in examined()


def test_workers_of_different_versions_are_named(examined: Examine, worker: WorkerInfo, others: SQLBroker) -> None:
    others.join(
        WorkerInfo(id="v", name="v@tree", host="tree", pid=2, pool="solo", concurrency=1, queues=["a"], version="2"), LONG
    )
    [finding] = examined()["workers"]
    assert "1, 2" in finding.text


class LateClock(SystemClock):
    """A clock that is an hour late."""

    def wall(self) -> float:
        return time.time() - 3_600


def test_a_clock_that_is_wrong_is_found(examined: Examine, app: Celery, worker: WorkerInfo) -> None:
    app.clock = LateClock()
    [finding] = examined()["clock"]
    [seconds] = re.findall(r"differ by ([\d.]+) s", finding.text)
    assert float(seconds) == pytest.approx(3_600, abs=60)


# -- periodic tasks ------------------------------------------------------------------------------------------------------------


def periodic(alias: str, **fields: Any) -> PeriodicTask:
    given = {"name": "nightly", "task": "shop.pack", "kind": "crontab", "fields": {"minute": "0", "hour": "3"}, **fields}
    return PeriodicTask.objects.using(alias).create(**given)


@pytest.fixture
def _no_entries(alias: str) -> Iterator[None]:
    PeriodicTask.objects.using(alias).all().delete()
    yield
    PeriodicTask.objects.using(alias).all().delete()


@pytest.mark.usefixtures("worker", "_no_entries")
@pytest.mark.parametrize(
    ("fields", "gravity", "says"),
    [
        ({"task": "shop.pak"}, Gravity.ERROR, "Did you mean 'shop.pack'?"),
        ({"problem": "It is odd.", "enabled": False}, Gravity.ERROR, "It is odd."),
        ({"next_run": timezone.now() - timedelta(hours=1)}, Gravity.WARNING, "nobody has fired it"),
        ({"fields": {"hour": "3"}}, Gravity.ADVICE, "minute"),
    ],
    ids=["unknown task", "problem", "late", "hint"],
)
def test_an_entry_that_will_not_run_as_meant_is_named(
    examined: Examine, alias: str, fields: dict[str, Any], gravity: Gravity, says: str
) -> None:
    periodic(alias, **fields)
    [finding] = examined()["schedules"]
    assert finding.gravity is gravity
    assert says in finding.text


@pytest.mark.usefixtures("worker", "_no_entries")
@pytest.mark.parametrize(
    ("fields", "gravity"),
    [
        ({"task": "shop.pak"}, Gravity.ERROR),
        ({"problem": "It is odd.", "enabled": False}, Gravity.ERROR),
        ({"next_run": timezone.now() - timedelta(hours=1)}, Gravity.WARNING),
        ({"fields": {"hour": "3"}}, Gravity.ADVICE),
        ({}, None),
    ],
    ids=["unknown task", "problem", "late", "hint", "healthy"],
)
def test_many_entries_are_one_finding_and_are_not_loaded(
    examined: Examine, alias: str, fields: dict[str, Any], gravity: Gravity | None
) -> None:
    for number in range(30):
        periodic(alias, name=f"entry {number:02}", **fields)
    loaded: list[Any] = []

    def count(sender: Any, instance: Any, **about: Any) -> None:
        loaded.append(instance)

    post_init.connect(count, sender=PeriodicTask)
    try:
        found = examined().get("schedules", [])
    finally:
        post_init.disconnect(count, sender=PeriodicTask)
    assert [finding.gravity for finding in found] == ([] if gravity is None else [gravity])
    assert all("entry 00" in finding.text and "And 29 more." in finding.text for finding in found)
    assert len(loaded) <= 2


@pytest.mark.usefixtures("worker", "_no_entries")
def test_an_entry_is_told_in_words_with_its_next_runs(examined: Examine, app: Celery, alias: str) -> None:
    periodic(alias, time_zone="UTC")
    assert "schedules" not in examined()
    [entry], more = entries(app)
    assert more == 0
    assert "3:00" in entry.when
    assert [time % 86_400 for time in entry.next] == [3 * 3_600] * 3


@pytest.mark.usefixtures("worker", "_no_entries")
def test_what_the_code_declares_is_looked_at_before_any_start(examined: Examine, app: Celery, alias: str) -> None:
    hourly = {"task": "shop.pack", "schedule": crontab(hour=4)}
    app.conf.beat_schedule = {
        "a": hourly, "b": hourly, "wrong": {"task": "shop.pack", "schedul": 5}, "typo": {"task": "shop.pak", "schedule": 5},
        "misfit": {"task": "shop.pack", "schedule": 5, "args": [1]}, "fine": {"task": "shop.pack", "schedule": 5},
    }  # fmt: skip
    periodic(alias, name="left", origin="code", problem="It left the code.", enabled=False)
    found = {finding.text.partition(":")[0].partition(" names")[0]: finding for finding in examined()["schedules"]}
    assert {name: finding.gravity for name, finding in found.items()} == {
        "wrong": Gravity.ERROR, "misfit": Gravity.ERROR, "The periodic task 'typo'": Gravity.ERROR, "a": Gravity.ADVICE,
    }  # fmt: skip
    assert "write minute=0" in found["a"].text
    assert found["a"].text.endswith("And 1 more.")


@pytest.mark.parametrize(
    ("number", "said"), [(0, "9 checks, 0 findings."), (1, "9 checks, 1 finding."), (2, "9 checks, 2 findings.")]
)
def test_findings_are_counted_in_words(number: int, said: str) -> None:
    assert counted(9, number) == said


# -- the database --------------------------------------------------------------------------------------------------------------


def test_a_missing_migration_is_found_with_the_command_and_nothing_else_is_asked(examined: Examine, alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("delete from django_migrations where app = 'celeriac' and name <> '0001_initial'")
    try:
        found = examined()
        assert list(found) == ["migrations"]
        assert found["migrations"][0].fix == f"python manage.py migrate celeriac --database {alias}"
    finally:
        call_command("migrate", "celeriac", database=alias, verbosity=0, fake=True)
        connections[alias].close()


def test_a_database_without_tables_is_found(examined: Examine, alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("alter table celeriac_leader rename to elsewhere")
    try:
        assert examined()["connection"][0].fix == "python manage.py migrate"
    finally:
        with connections[alias].cursor() as cursor:
            cursor.execute("alter table elsewhere rename to celeriac_leader")


def test_a_transaction_that_stays_open_is_found_with_what_ends_it(
    examined: Examine, alias: str, worker: WorkerInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connections[alias].vendor == "sqlite":
        pytest.skip("SQLite's one writer is waited for, and times out")
    monkeypatch.setattr(database, "LONG", -2.0)  # seconds: whatever is open has been for so long
    other = connections[alias].copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("select count(*) from celeriac_job")
            cursor.execute("delete from celeriac_job where number = 0")
        [finding] = [found for found in examined()["transactions"] if found.gravity is Gravity.WARNING]
        assert "has been open" in finding.text
        assert ("pg_terminate_backend" in finding.fix) or ("kill " in finding.fix)
    finally:
        other.close()


def test_sqlite_without_a_journal_of_its_own_is_found(tmp_path: Path, django_db_blocker: Any) -> None:
    path = tmp_path / "plain.sqlite3"
    with (
        django_db_blocker.unblock(),
        a_database("doctor_plain", ENGINE="django.db.backends.sqlite3", NAME=str(path)) as alias,
        Celery("shop", broker=f"django://{alias}") as app,
    ):
        with connections[alias].cursor() as cursor:
            cursor.execute("PRAGMA journal_mode=DELETE")
        found = {finding.about: finding for finding in examine(app)}
        assert "journal_mode=WAL" in found["journal"].fix
        assert "transaction_mode" in found["settings"].fix


def test_a_check_that_fails_is_a_finding(
    examined: Examine, app: Celery, worker: WorkerInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from celeriac.engine.errors import BrokerUnavailable

    def away() -> None:
        raise BrokerUnavailable("The server went away.")

    monkeypatch.setattr(app.broker(), "snapshot", away)
    assert {name for name, [finding] in examined().items() if "went away" in finding.text} == {"clock", "queues"}


@pytest.mark.usefixtures("worker")
def test_a_key_that_is_short_is_found(examined: Examine, app: Celery) -> None:
    app.conf.update(signing_keys=["x" * 16])
    assert "SIGNING_KEYS" in examined()["keys"][0].text


def test_the_doctor_changes_nothing(examined: Examine, app: Celery, alias: str, caller: SQLBroker) -> None:
    caller.push([a_job()])
    before = (caller.find({}, 10), caller.snapshot().queues)
    with transaction.atomic(using=alias):
        examined()
    assert (caller.find({}, 10), caller.snapshot().queues) == before
