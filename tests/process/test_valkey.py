"""Real workers on a Valkey server: woken at once, and nothing lost with a child, the server or a connection."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from pytest_django import DjangoDbBlocker
from redis import Redis

from celeriac.engine.job import State
from celeriac.testing.valkey import ValkeyServer, require_valkey
from tests.chaos.bench import Bench
from tests.chaos.database import valkey_settings
from tests.chaos.ledger import wait_for
from tests.process.conftest import a_bench

pytestmark = pytest.mark.process

LEASE = 1.2


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    """A server that answers when what it accepted is on its disk: one that may be killed."""
    require_valkey()
    with ValkeyServer({"appendfsync": "always"}) as server:
        yield server


@pytest.fixture
def bench(server: ValkeyServer, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Bench]:
    with django_db_blocker.unblock(), a_bench(tmp_path, valkey_settings(server, "process")) as run:
        yield run


def test_an_idle_worker_is_woken_and_a_scheduled_job_is_on_time(bench: Bench) -> None:
    bench.start(concurrency=1)
    assert bench.latency() < 0.3
    late = bench.lateness()
    assert late[0] > -0.01
    assert median(late) < 0.3


def test_a_server_that_is_killed_and_restarted_under_load_loses_nothing(server: ValkeyServer, bench: Bench) -> None:
    worker = bench.start(concurrency=2, lease=LEASE, renew_every=0.3)
    masters = [worker.pid]
    jobs: list[str] = []
    for _ in range(3):
        jobs += bench.push_all([bench.job("noop") for _ in range(300)])
        server.restart()
    assert {job.state for job in bench.all_ended(jobs)} == {State.SUCCEEDED}
    assert [worker.pid] == masters
    assert "Traceback" not in worker.printed()


def test_an_outage_longer_than_the_lease_makes_nobody_rescue_and_work_goes_on(server: ValkeyServer, bench: Bench) -> None:
    worker = bench.start(concurrency=2, lease=LEASE, renew_every=0.3)
    held = [bench.push("hold", "end") for _ in range(2)]
    for job in held:
        bench.ledger.await_start(job)
    server.interrupt()
    time.sleep(LEASE + 0.5)  # the outage itself: how long it lasts is what this is about
    server.start()
    bench.open_gate("end")
    assert {job.state for job in bench.all_ended(held)} == {State.SUCCEEDED}
    assert {len(bench.ledger.starts(job)) for job in held} == {1}
    assert bench.ended(bench.push("noop")).state is State.SUCCEEDED
    assert "Traceback" not in worker.printed()


def test_a_worker_whose_connections_are_cut_is_woken_as_before(server: ValkeyServer, bench: Bench) -> None:
    worker = bench.start(concurrency=1)
    bench.ended(bench.push("noop"))
    admin = Redis(unix_socket_path=str(server.socket))
    for _ in range(3):
        for kind in ("pubsub", "normal"):
            admin.client_kill_filter(_type=kind, skipme=True)
        assert bench.ended(bench.push("noop")).state is State.SUCCEEDED
    wait_for(lambda: bench.latency() < 0.3, "the wake-ups to be heard again")
    admin.close()
    assert "Traceback" not in worker.printed()
