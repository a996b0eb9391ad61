"""Periodic tasks as people start them: declared in code, fired by any number of workers and beats, each tick once."""

from __future__ import annotations

import itertools
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import Job, State
from celeriac.models import PeriodicTask
from tests.chaos.database import postgres_settings
from tests.conformance.conftest import database
from tests.outbox.conftest import valkey
from tests.process.smallsite import ALIAS, OPTIONS, Project, Started, until
from tests.process.test_outbox_kill import broker
from tests.process.test_outbox_kill import rows as outbox_rows

__all__ = ["broker", "valkey"]
pytestmark = pytest.mark.process

LEDGER = """
from celeriac import shared_task as _shared_task

@_shared_task(bind=True)
def note(self, *args):
    about = self.request.properties
    line = f"{about['periodic_task_name']} {about['nominal']} {self.request.id}\\n"
    with open("ledger", "a") as ledger:
        ledger.write(line)
"""


@pytest.fixture
def site(site: Project) -> Project:
    site.add_tasks(LEDGER)
    return site


def a_schedule(site: Project, **entries: dict[str, Any]) -> None:
    site.configure(f"CELERY_BEAT_SCHEDULE = {entries!r}")


def ticks(site: Project, name: str = "") -> list[float]:
    """Return the nominal times of the runs that the ledger has, sorted."""
    ledger = site.folder / "ledger"
    words = [line.split() for line in ledger.read_text().splitlines()] if ledger.exists() else []
    return sorted(datetime.fromisoformat(nominal).timestamp() for entry, nominal, _ in words if name in ("", entry))


def jobs() -> list[Job]:
    return SQLBroker(ALIAS).find({}, 10_000)


def rows() -> Any:
    return PeriodicTask.objects.using(ALIAS)


def beat(site: Project, *options: str) -> Started:
    started = site.start("manage.py", "celery", "beat", *options)
    until(lambda: "Ctrl-C" in started.printed(), started)
    return started


def test_what_the_settings_declare_is_fired_by_beat_and_run_by_a_worker(site: Project) -> None:
    a_schedule(site, notes={"task": "shop.tasks.note", "schedule": 0.2, "args": (1,), "options": {"queue": "q"}})
    alone = beat(site, "-l", "info", "-S", "django", "--max-interval", "5", "-s", "file")
    until(lambda: len(jobs()) >= 3, alone)
    assert {(job.queue, job.schedule, job.state) for job in jobs()} == {("q", "notes", State.WAITING)}
    worker = site.worker("-B")
    until(lambda: len(ticks(site, "notes")) >= 6, worker)
    assert worker.printed().startswith("--beat: every worker fires what is due")
    for started in (worker, alone):
        assert re.search(r"^  beat    notes: every 0.2 seconds; next 20", started.printed(), re.MULTILINE)
    assert alone.printed().count("the schedule is a table of the project's database") == 3
    assert "Enqueued periodic tasks: 'notes'" in alone.printed(), "each tick is in its log, or in the worker's"
    assert (worker.stop(), alone.stop()) == (0, 0)


def test_every_way_to_declare_is_in_the_table_and_runs(site: Project) -> None:
    a_schedule(site, setting={"task": "shop.tasks.note", "schedule": 0.3})
    site.add_tasks(
        "from celeriac import Celery, current_app\n"
        "from celeriac.compat.decorators import periodic_task\n"
        "from datetime import timedelta\n"
        "@periodic_task(run_every=timedelta(seconds=0.3), name='decorated')\n"
        "def decorated(): note.run.__func__(note)\n"
        "@_shared_task(schedule=0.3, name='option')\n"
        "def option(): note.run.__func__(note)\n"
        "@current_app.on_after_configure.connect\n"
        "def add(sender, **kwargs): sender.add_periodic_task(0.3, note.s(5), name='added')\n"
    )
    worker = site.worker()
    names = {"setting", "decorated", "option", "added"}
    until(lambda: all(ticks(site, name) for name in ("setting", "added")), worker)
    until(lambda: {job.schedule for job in jobs() if job.state is not State.WAITING} == names, worker)
    assert {row.name: row.origin for row in rows().all()} == dict.fromkeys(names, "code")
    assert worker.stop() == 0


def test_a_change_of_the_table_takes_effect_within_a_second(site: Project) -> None:
    worker = site.worker()
    taken: list[float] = []
    while len(taken) < 3 and not any(seconds < 1.0 + 0.2 + 0.5 for seconds in taken):
        taken.append(seconds_to_the_first_tick(site, worker))
    assert min(taken) < 1.0 + 0.2 + 0.5, f"changed right after a look, planned by the next; a busy machine may be late: {taken}"
    often = rows().get(name="often")
    often.enabled = False
    often.save()
    fired = len(jobs())
    made = time.time()
    clock = datetime.fromtimestamp(made + 2.5, UTC).isoformat()
    once = rows().create(name="once", kind="clocked", fields={"clocked_time": clock}, task="shop.tasks.note", one_off=True)
    until(lambda: ticks(site, "once") or rows().filter(name="once", enabled=False).exists(), worker)
    until(lambda: ticks(site, "once") or rows().get(name="once").problem, worker)
    assert [round(tick - made, 3) for tick in ticks(site, "once")] == [2.5]
    once.refresh_from_db()
    assert (once.enabled, once.total_run_count) == (False, 1)
    assert sum(job.schedule == "often" for job in jobs()) <= fired + 1, "one may have been on its way"
    assert worker.stop() == 0


def seconds_to_the_first_tick(site: Project, worker: Started) -> float:
    """Have an hourly entry run five times a second, right after it was planned; return how long it took until it did.

    Nothing else is due meanwhile, for which a ticker would look more often.
    """
    often = rows().filter(name="often").first() or PeriodicTask(name="often", kind="interval", task="shop.tasks.note")
    often.fields = {"every": 3600}
    often.save(using=ALIAS)
    until(lambda: rows().get(name="often").next_run, worker)
    changed = time.time()
    often.fields = {"every": 0.2}
    often.save(using=ALIAS)
    until(lambda: ticks(site, "often")[-1:] > [changed], worker)
    return next(tick for tick in ticks(site, "often") if tick > changed) - changed


def test_an_entry_that_left_the_code_is_retired_and_comes_back_with_it(site: Project) -> None:
    a_schedule(site, gone={"task": "shop.tasks.note", "schedule": 3600}, kept={"task": "shop.tasks.note", "schedule": 3600})
    first = beat(site)
    until(lambda: rows().filter(next_run__isnull=False).count() == 2, first)
    assert first.stop() == 0
    rows().filter(name="kept").update(fields={"every": 60})
    a_schedule(site, kept={"task": "shop.tasks.note", "schedule": 3600, "args": [1]}, odd={"task": "shop.tasks.note"})
    second = beat(site)
    until(lambda: rows().filter(retired=True).exists(), second)
    told = second.printed()
    assert ("kept: every minute; next 20" in told, "gone" in told) == (True, False)
    assert "  warning odd does not run: schedule is None" in told
    assert second.stop() == 0
    assert list(rows().filter(enabled=True).values_list("name", "fields", "args")) == [("kept", {"every": 60}, [1])]
    a_schedule(site, gone={"task": "shop.tasks.note", "schedule": 3600})
    third = beat(site)
    until(lambda: rows().get(name="gone").enabled, third)
    assert third.stop() == 0
    assert set(rows().filter(retired=True).values_list("name", flat=True)) == {"kept", "odd"}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def anywhere(request: pytest.FixtureRequest, project: Project, django_db_blocker: DjangoDbBlocker) -> Iterator[Project]:
    """A project that was migrated, on each database in turn."""
    project.add_tasks(LEDGER)
    if request.param == "sqlite":
        settings: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": project.path, "OPTIONS": OPTIONS}
    else:
        settings = postgres_settings(request.getfixturevalue("postgres"), "periodic")
        project.configure(f"DATABASES = {{'default': {settings!r}}}")
    with django_db_blocker.unblock(), database(ALIAS, **settings):
        yield project
        project.close()


def test_keepers_and_workers_that_are_killed_lose_no_tick_and_repeat_none(anywhere: Project) -> None:
    """One keeper is killed in each of its ticks before the COMMIT, another after it, and a whole worker besides."""
    site = anywhere
    a_schedule(site, notes={"task": "shop.tasks.note", "schedule": 0.25})
    command = ("manage.py", "celeriac", "worker", "-c", "1", "-n")
    before = site.start(*command, "before@%h", CELERIAC_FAULT="before-tick:2:kill")
    after = site.start(*command, "after@%h", CELERIAC_FAULT="after-tick:2:kill")
    workers = [site.start(*command, f"w{number}@%h") for number in range(2)]
    until(lambda: all("Ctrl-C" in worker.printed() for worker in workers), workers[1])
    until(lambda: "fault point before-tick" in before.printed() and "fault point after-tick" in after.printed(), workers[1])
    workers[0].destroy()
    seen = len(jobs())
    until(lambda: len(jobs()) >= seen + 8, workers[1])
    for worker in (before, after, workers[1]):
        worker.destroy()
    planned = sorted(job.nominal or 0.0 for job in jobs())
    assert {round(later - earlier, 3) for earlier, later in itertools.pairwise(planned)} == {0.25}
    assert {round(tick, 3) for tick in ticks(site)} <= {round(nominal, 3) for nominal in planned}
    assert rows().get().total_run_count == len(planned)


def test_with_a_broker_elsewhere_a_tick_that_is_killed_before_it_is_sent_is_sent_by_a_worker(
    site: Project, broker: RedisBroker
) -> None:
    a_schedule(site, notes={"task": "shop.tasks.note", "schedule": 0.5})
    killed = site.start("manage.py", "celeriac", "beat", CELERIAC_FAULT="before-send:2:kill")
    assert killed.wait() == -signal.SIGKILL, killed.printed()
    assert (rows().get().total_run_count, len(broker.find({}, 10))) == (2, 1)
    worker = site.worker()
    until(lambda: len(ticks(site)) >= 4 and outbox_rows() == 0, worker)
    assert worker.stop() == 0
    fired = sorted(job.nominal or 0.0 for job in broker.find({}, 1000))
    assert len(fired) == rows().get().total_run_count
    assert {round(later - earlier, 3) for earlier, later in itertools.pairwise(fired)} == {0.5}


def test_what_django_celery_beat_kept_is_imported_from_the_command_line(site: Project) -> None:
    rows_of_beat = Path(__file__).parents[1] / "compat" / "beat_rows.sql"
    with closing(sqlite3.connect(site.path)) as connection:
        connection.executescript(rows_of_beat.read_text())
    tried = site.start("manage.py", "celeriac", "import-beat", "--dry-run")
    assert (tried.wait(), rows().count()) == (1, 0)
    assert "9 imported, 0 already there, 1 left out, 3 cannot be. Nothing was written." in tried.printed()
    done = site.start("manage.py", "celeriac", "import-beat")
    assert (done.wait(), rows().count()) == (1, 9)
    assert "every 10 seconds. This project has no task 'count'." in done.printed()
    assert "Stop 'celery beat' before a worker of Celeriac starts" in done.printed()
