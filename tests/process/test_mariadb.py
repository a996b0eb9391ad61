"""Workers on MariaDB: children and the server itself are killed while jobs run, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from celeriac.engine.job import State
from celeriac.testing.mariadb import MariaDBServer
from tests.chaos.bench import Bench
from tests.chaos.database import mariadb_settings
from tests.chaos.ledger import wait_for
from tests.process.conftest import a_bench

pytestmark = [pytest.mark.process, pytest.mark.mariadb]

LEASE = 1.2


def test_an_idle_worker_is_woken_and_so_is_who_waits_for_the_result(mariadb_bench: Bench) -> None:
    mariadb_bench.start(concurrency=2)

    def round_trip() -> float:
        begun = time.monotonic()
        assert mariadb_bench.ended(mariadb_bench.push("noop")).state is State.SUCCEEDED
        return time.monotonic() - begun

    assert min(round_trip() for _ in range(5)) < 0.5, "the child alone would look after a second"


@pytest.fixture
def fragile(
    tmp_path: Path, mariadb: MariaDBServer, django_db_blocker: DjangoDbBlocker
) -> Iterator[tuple[MariaDBServer, Bench]]:
    """A bench on a server of its own, which the test may kill."""
    with MariaDBServer() as server, django_db_blocker.unblock(), a_bench(tmp_path, mariadb_settings(server, "fragile")) as run:
        yield server, run


def test_a_server_that_is_killed_while_jobs_run_loses_none_and_the_workers_go_on(fragile: tuple[MariaDBServer, Bench]) -> None:
    server, bench = fragile
    worker = bench.start(concurrency=2, lease=LEASE, renew_every=0.3)
    held = [bench.push("hold", "end") for _ in range(2)]
    for job in held:
        bench.ledger.await_start(job)
    waiting = bench.push_all([bench.job("noop") for _ in range(50)])
    server.interrupt()
    bench.store.close()
    bench.open_gate("end")
    wait_for(lambda: len(bench.ledger.runs("end")) == 2, "both bodies to return, whose settles meet no server")
    server.start()
    assert {job.state for job in bench.all_ended([*held, *waiting])} == {State.SUCCEEDED}
    assert {len(bench.ledger.starts(job)) for job in held} == {1}, "they were settled, not run again"
    assert "Traceback" not in worker.printed()
