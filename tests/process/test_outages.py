"""Outages and frozen workers: nothing lost, no false rescue, no settle of a claim that was lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from statistics import median

import pytest
from pytest_django import DjangoDbBlocker

from celeriac.engine.job import State, Token
from celeriac.testing.servers import PostgresServer
from tests.chaos.bench import Bench
from tests.chaos.database import postgres_settings
from tests.chaos.ledger import wait_for
from tests.process.conftest import a_bench

pytestmark = pytest.mark.process

LEASE = 1.2


def test_a_frozen_worker_loses_its_job_and_its_late_settle_is_refused(bench: Bench) -> None:
    frozen = bench.start(concurrency=1, lease=LEASE, renew_every=0.3)
    job = bench.push("hold", "end")
    first = bench.ledger.await_start(job)
    bench.start(concurrency=1, lease=LEASE, renew_every=0.3)
    bench.freeze(frozen)
    second = bench.ledger.await_start(job, times=2)
    assert second.token.child != first.token.child
    bench.open_gate("end")
    assert bench.ended(job).state is State.SUCCEEDED
    frozen.tell_all(signal.SIGCONT)
    wait_for(lambda: any(not ack.accepted for ack in bench.ledger.acks()) or "declared" in frozen.printed(), "the late settle")
    wait_for(lambda: accepted(bench, first.token.number), "the settle that counts to be written down")
    assert accepted(bench, first.token.number) == [second.token]
    wait_for(lambda: bench.ended(bench.push("noop")).state is State.SUCCEEDED, "the worker to go on")


def accepted(bench: Bench, number: int) -> list[Token]:
    """Return the claims of a job whose settles the broker took. A worker writes that down a moment after its broker has."""
    return [ack.token for ack in bench.ledger.acks() if ack.accepted and ack.token.number == number]


def test_a_frozen_worker_that_comes_back_serves_again(sqlite_bench: Bench) -> None:
    bench = sqlite_bench
    frozen = bench.start(concurrency=1, lease=LEASE, renew_every=0.3)
    witness = bench.start(concurrency=1, lease=LEASE, renew_every=0.3)
    bench.freeze(frozen)
    job = bench.push("noop")
    assert bench.ended(job).state is State.SUCCEEDED
    wait_for(lambda: worker_count(bench) == 1, "the frozen worker to be declared dead")
    frozen.tell_all(signal.SIGCONT)
    wait_for(lambda: worker_count(bench) == 2, "it to join anew")
    witness.tell(signal.SIGTERM)
    assert witness.wait() == 0
    assert bench.ended(bench.push("noop")).state is State.SUCCEEDED


def worker_count(bench: Bench) -> int:
    (count,) = bench.store.connection.fetch("select count(*) from celeriac_worker where alive")[0]
    return int(count)


def test_a_frozen_solo_worker_that_was_declared_dead_does_not_end_as_if_all_were_well(sqlite_bench: Bench) -> None:
    frozen = sqlite_bench.start(pool="solo", lease=LEASE, renew_every=0.3)
    sqlite_bench.start(concurrency=1, lease=LEASE, renew_every=0.3)
    sqlite_bench.freeze(frozen)
    wait_for(lambda: worker_count(sqlite_bench) == 1, "it to be declared dead")
    frozen.tell_all(signal.SIGCONT)
    assert frozen.wait() != 0


@pytest.fixture
def fragile(postgres: PostgresServer, request: pytest.FixtureRequest) -> Iterator[tuple[PostgresServer, Bench]]:
    """A bench on a server of its own, which the test may stop."""
    folder = request.getfixturevalue("tmp_path")
    blocker: DjangoDbBlocker = request.getfixturevalue("django_db_blocker")
    with PostgresServer() as server, blocker.unblock(), a_bench(folder, postgres_settings(server, "fragile")) as run:
        yield server, run


def await_begun(bench: Bench, jobs: list[str]) -> None:
    """Wait until the keeper has begun slow jobs at the broker.

    That is on the disk, and their claims with it: those alone do not wait for it, so a crash of the server may undo one.
    """
    wait_for(lambda: all(bench.record(job).started for job in jobs), "the jobs to be begun")


@pytest.mark.postgres
def test_an_outage_longer_than_the_lease_loses_nothing_and_makes_nobody_rescue(
    fragile: tuple[PostgresServer, Bench],
) -> None:
    server, bench = fragile
    workers = [bench.start(concurrency=2, lease=LEASE, renew_every=0.3) for _ in range(2)]
    held = [bench.push("hold", "end") for _ in range(3)]
    for job in held:
        bench.ledger.await_start(job)
    await_begun(bench, held)
    waiting = bench.push_all([bench.job("noop", queue="later"), bench.job("noop", queue="later")])
    server.interrupt()
    bench.store.close()
    time.sleep(LEASE + 0.5)  # the outage itself: how long it lasts is what this is about
    server.start()
    wait_for(lambda: worker_count(bench) == 2, "the server to be back")
    judged_by = time.monotonic() + 1.5 * LEASE
    assert bench.ended(bench.push("noop")).state is State.SUCCEEDED, "the workers go on by themselves"
    wait_for(lambda: time.monotonic() > judged_by, "everybody who would judge falsely to have judged")
    assert worker_count(bench) == 2
    bench.open_gate("end")
    assert {job.state for job in bench.all_ended(held)} == {State.SUCCEEDED}
    assert {len(bench.ledger.starts(job)) for job in held} == {1}
    assert {bench.state(id) for id in waiting} == {State.WAITING}
    assert "Traceback" not in "".join(worker.printed() for worker in workers)


@pytest.mark.postgres
def test_what_ended_during_an_outage_is_settled_after_it(fragile: tuple[PostgresServer, Bench]) -> None:
    server, bench = fragile
    bench.start(concurrency=2, lease=LEASE, renew_every=0.3)
    jobs = [bench.push("hold", "end") for _ in range(2)]
    for job in jobs:
        bench.ledger.await_start(job)
    await_begun(bench, jobs)
    server.interrupt()
    bench.store.close()
    bench.open_gate("end")
    wait_for(lambda: len(bench.ledger.runs("end")) == 2, "both bodies to return")
    server.start()
    assert {job.state for job in bench.all_ended(jobs)} == {State.SUCCEEDED}
    assert {len(bench.ledger.starts(job)) for job in jobs} == {1}


@pytest.mark.postgres
def test_a_scheduled_job_runs_near_its_time_after_an_outage(fragile: tuple[PostgresServer, Bench]) -> None:
    server, bench = fragile
    bench.start(concurrency=1, lease=LEASE, renew_every=0.3)
    server.restart()
    bench.store.close()
    wait_for(lambda: bench.ended(bench.push("noop")).state is State.SUCCEEDED, "the worker to be back")
    late = bench.lateness()
    assert late[0] > -0.01
    assert median(late) < 0.3
