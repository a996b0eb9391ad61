"""Real workers and a real Redis server: each outage is waited out, by the same processes, and the work goes on by itself."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.job import State, Token
from celeriac.testing.redis import RedisServer, require_redis
from celeriac.testing.servers import free_port
from celeriac.testing.valkey import ValkeyServer
from tests.chaos.bench import Bench
from tests.chaos.database import VALKEY
from tests.chaos.ledger import wait_for
from tests.chaos.workers import WorkerProcess
from tests.process.conftest import a_bench
from tests.proxy import Proxy
from tests.redis.conftest import SETTINGS, Server, proxy, server
from tests.redis.outages import OUTAGES
from tests.redis.test_topologies import failing_over

__all__ = ["failing_over", "proxy", "server"]
pytestmark = pytest.mark.process

LEASE = 1.2
SOON = 3.0
"""Seconds within which a worker consumes again once the server answers."""
NOTICED = 12.0
"""Seconds within which it does where nobody says that a connection is dead: three times what it waits for an answer."""


@pytest.fixture(scope="module")
def module_server() -> Iterator[Server]:
    require_redis()
    port = free_port()
    with RedisServer({"port": str(port), **SETTINGS}) as redis:
        yield Server(redis, port)


@pytest.fixture
def make_server() -> object:
    require_redis()
    return lambda settings: RedisServer({"bind": "127.0.0.1", **settings})


@pytest.fixture
def bench(server: Server, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Bench]:
    """A bench whose workers reach the server without a detour."""
    with django_db_blocker.unblock(), a_bench(tmp_path, {"ENGINE": VALKEY, "NAME": server.url()}) as run:
        yield run


@pytest.fixture
def behind(proxy: Proxy, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Bench]:
    """A bench whose workers, and itself, reach the server through the proxy."""
    url = f"redis://127.0.0.1:{proxy.port}/0?socket_timeout=0.5&health_check_interval=1"
    with django_db_blocker.unblock(), a_bench(tmp_path, {"ENGINE": VALKEY, "NAME": url}) as run:
        yield run


def start(bench: Bench, concurrency: int = 1) -> WorkerProcess:
    return bench.start(concurrency=concurrency, lease=LEASE, renew_every=0.3)


@pytest.mark.parametrize("name", sorted(OUTAGES.keys() - {"NOREPLICAS"}))
def test_a_worker_waits_an_outage_out_and_the_same_processes_go_on(server: Server, bench: Bench, name: str) -> None:
    outage = OUTAGES[name]
    worker = start(bench)
    held = bench.push("hold", "end")
    child = bench.ledger.await_start(held).pid
    outage.begin(server)
    bench.open_gate("end")
    wait_for(lambda: re.search(outage.says, worker.printed()), f"the worker to say that {outage.says}")
    outage.end(server)
    answers = time.monotonic()
    again = bench.ledger.await_start(bench.push("noop"))
    assert again.at - answers < SOON
    assert again.pid == child
    assert bench.ended(held).state is State.SUCCEEDED
    assert len(bench.ledger.starts(held)) == 1
    assert "Traceback" not in worker.printed()


def test_a_worker_follows_a_failover(
    failing_over: tuple[ValkeyServer, str], tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    master, url = failing_over
    with django_db_blocker.unblock(), a_bench(tmp_path, {"ENGINE": VALKEY, "NAME": url}) as bench:
        worker = start(bench)
        child = bench.ledger.await_start(bench.push("noop")).pid
        bench.all_ended(bench.push_all([bench.job("noop") for _ in range(20)]))
        assert int(bench.store.client.wait(1, 1000)) == 1, "the replica has it all"
        master.interrupt()
        wait_for(lambda: bench.push("noop", key="after") and pushed(bench, "after"), "the failover")
        assert bench.ended("after").state is State.SUCCEEDED
        assert bench.ledger.await_start("after").pid == child
        assert "Traceback" not in worker.printed()


def pushed(bench: Bench, key: str) -> bool:
    return key in bench.ledger.keys("submit", "acked")


def test_connections_that_are_cut_at_random_bytes_lose_nothing(proxy: Proxy, behind: Bench) -> None:
    worker = start(behind, concurrency=2)
    proxy.cut_after(1_000, 30_000)
    proxy.cut()
    jobs = [behind.job("noop") for _ in range(200)]
    for job in jobs:
        wait_for(lambda job=job: behind.push_all([job]), "the push to be answered")  # type: ignore[misc]  # a lambda's default
    proxy.cut_no_more()
    assert {job.state for job in behind.all_ended([job.id for job in jobs])} == {State.SUCCEEDED}
    assert {len(behind.ledger.starts(job.id)) for job in jobs} == {1}
    assert "Traceback" not in worker.printed()


def test_a_worker_whose_connections_are_half_open_notices_and_consumes_again(
    server: Server, proxy: Proxy, behind: Bench
) -> None:
    worker = start(behind)
    behind.ended(behind.push("noop"))
    direct = RedisBroker(server.url())
    proxy.silence()
    silent = time.monotonic()
    job = behind.job("noop")
    direct.push([job])
    direct.close()
    assert behind.ledger.await_start(job.id).at - silent < NOTICED
    assert "Traceback" not in worker.printed()


def test_a_worker_that_was_stopped_past_its_lease_settles_nothing_any_more(bench: Bench) -> None:
    frozen = start(bench)
    job = bench.push("hold", "end")
    first = bench.ledger.await_start(job)
    start(bench)
    frozen.tell_all(signal.SIGSTOP)
    second = bench.ledger.await_start(job, times=2)
    bench.open_gate("end")
    assert bench.ended(job).state is State.SUCCEEDED
    frozen.tell_all(signal.SIGCONT)
    wait_for(lambda: any(not ack.accepted for ack in bench.ledger.acks()) or "declared" in frozen.printed(), "the late settle")
    wait_for(lambda: accepted(bench, first.token.number), "the other's settle to be written down")
    assert accepted(bench, first.token.number) == [second.token]


def accepted(bench: Bench, number: int) -> list[Token]:
    return [ack.token for ack in bench.ledger.acks() if ack.accepted and ack.token.number == number]
