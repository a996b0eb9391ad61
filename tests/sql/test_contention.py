"""Many write at once: no lock error reaches anybody, and each job is there, and is claimed, exactly once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import PATIENCE, QUEUE, a_child, a_job, some_jobs, start
from tests.conformance.conftest import database, opened

PROCESSES = 8
EACH = 20
CLAIMERS = 4

WRITERS = """
import os, sys
import django
from django.conf import settings
from django.db import connection, transaction

path, processes, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
options = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": pragmas}
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": options}
settings.configure(INSTALLED_APPS=["celeriac"], DATABASES={"default": database}, USE_TZ=True)
django.setup()

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import Job

def job(id):
    return Job(id=id, task="t", queue="celery", payload=b"[[],{},{}]")

def write(name):
    broker = SQLBroker("default")
    with connection.cursor() as cursor:
        for n in range(each):
            with transaction.atomic():
                cursor.execute("select count(*) from sale")
                cursor.execute("insert into sale (seller) values (%s)", [name])
                broker.push([job(f"{name}-{n}")])
            broker.push([job(f"{name}-{n}-{part}") for part in "ab"])

gate, opener = os.pipe()
pids = []
for number in range(processes):
    pids.append(os.fork())
    if pids[-1] == 0:
        os.close(opener)
        os.read(gate, 1)  # until the opener is closed: all begin at once
        write(f"seller{number}")
        sys.exit()
os.close(opener)
sys.exit(max(os.waitpid(pid, 0)[1] for pid in pids))
"""


@pytest.fixture
def shop(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Path]:
    """A SQLite file as the documentation says to set it up, with a table of the project's own."""
    path = tmp_path / "shop.sqlite3"
    with django_db_blocker.unblock(), database("shop", ENGINE="django.db.backends.sqlite3", NAME=str(path)) as alias:
        with connections[alias].cursor() as cursor:
            cursor.execute("create table sale (seller text)")
        yield path


def test_processes_that_write_to_one_sqlite_file_see_no_lock_error_and_lose_nothing(shop: Path) -> None:
    command = [sys.executable, "-c", WRITERS, str(shop), str(PROCESSES), str(EACH)]
    written = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert (written.returncode, written.stderr) == (0, "")
    names = [f"seller{number}" for number in range(PROCESSES)]
    with sqlite3.connect(shop) as connection:
        sales = connection.execute("select seller, count(*) from sale group by 1 order by 1").fetchall()
    connection.close()
    assert sales == [(name, EACH) for name in names]
    broker = SQLBroker("shop")
    expected = {f"{name}-{n}{part}" for name in names for n in range(EACH) for part in ("", "-a", "-b")}
    assert {job.id for job in broker.find({}, 10_000)} == expected
    assert broker.counts() == {"celery": {State.WAITING: len(expected)}}


def claims(alias: str, go: threading.Event, pushed: threading.Event) -> list[str]:
    """Claim and begin until there is nothing left after everything was pushed. Return the ids of what was claimed."""
    broker, taken = opened(alias), []
    child = a_child(broker)
    go.wait(PATIENCE)
    try:
        while True:
            everything = pushed.is_set()
            jobs = broker.claim([QUEUE], 7, child)
            assert broker.held(child) >= broker.begin([job.token for job in jobs]) == {job.token for job in jobs}
            taken += [job.id for job in jobs]
            if everything and not jobs:
                return taken
    finally:
        broker.close()


def test_what_is_pushed_while_several_claim_is_claimed_by_one_of_them_once(alias: str, others: SQLBroker) -> None:
    go, pushed = threading.Event(), threading.Event()
    claimers = [start(lambda: claims(alias, go, pushed)) for _ in range(CLAIMERS)]
    go.set()
    jobs = []
    for _ in range(40):
        jobs += [*some_jobs(9), a_job(priority=5)]
        others.push(jobs[-10:])
    pushed.set()
    taken = Counter(id for claimer in claimers for id in claimer.finish())
    assert taken == Counter(job.id for job in jobs)
    assert others.counts() == {QUEUE: {State.RUNNING: len(jobs)}}
