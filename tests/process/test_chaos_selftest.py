"""The checker can go red: each guarantee is taken out of the engine in turn, and the run that it protects must fail.

Every scenario runs twice, sound and sabotaged, so that neither colour is an accident.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from celeriac.engine.brokers.sql.servererrors import typed_errors
from celeriac.engine.errors import BrokerUnavailable, ChildIsDead
from celeriac.engine.job import State
from celeriac.testing.servers import PostgresServer
from tests.chaos.bench import QUEUE, Bench
from tests.chaos.checker import UNWRITTEN, Verdict
from tests.chaos.claims import claim_outlives_its_child
from tests.chaos.database import ALIAS, postgres_settings
from tests.chaos.ledger import wait_for
from tests.chaos.sabotage import LIVENESS_CHECK, change_scripts
from tests.chaos.scenarios import judged
from tests.process.conftest import a_bench

pytestmark = pytest.mark.process

BOTH = [pytest.param(False, id="sound"), pytest.param(True, id="sabotaged")]


def broken(verdict: Verdict) -> set[str]:
    """Return the names of the invariants that a run broke."""
    return {name for name, count in verdict.wrong.items() if count}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres), "valkey"])
def fenced(request: pytest.FixtureRequest) -> Bench:
    """A bench on each engine that checks tokens in its own way."""
    found: Bench = request.getfixturevalue(f"{request.param}_bench")
    return found


@pytest.mark.parametrize("sabotaged", BOTH)
def test_without_the_token_check_a_settle_of_a_lost_claim_is_accepted(fenced: Bench, sabotaged: bool) -> None:
    bench = fenced
    sabotage = "token" if sabotaged else ""
    lapsed = bench.start(concurrency=1, sabotage=sabotage)
    job = bench.push("hold_delivery", "end")
    bench.ledger.await_start(job)
    bench.start(concurrency=1, sabotage=sabotage)
    # The keeper alone is stopped: the lease runs out while the body goes on and its child settles as if nothing had happened.
    bench.ledger.write("fault", "stop", *lapsed.processes())
    bench.freeze(lapsed, "keeper")
    bench.ledger.await_start(job, times=2)
    bench.open_gate("end-1")
    wait_for(bench.ledger.acks, "the answer to the late settle")
    bench.open_gate("end-2")
    wait_for(lambda: len(bench.ledger.acks()) > 1, "the answer to the rightful settle")
    assert broken(judged(bench)) == ({"zombie", "unexplained"} if sabotaged else set())


@pytest.mark.parametrize("sabotaged", BOTH)
def test_settling_before_the_body_ran_makes_a_job_succeed_that_nobody_ran(bench: Bench, sabotaged: bool) -> None:
    bench.start(concurrency=1, sabotage="early" if sabotaged else "")
    job = bench.push("hold", "end")
    child = bench.ledger.await_start(job).pid
    bench.ledger.write("fault", "child-kill", child)
    os.kill(child, signal.SIGKILL)
    bench.open_gate("end")
    assert bench.ended(job).state is State.SUCCEEDED
    assert broken(judged(bench)) == ({"hollow"} if sabotaged else set())


@pytest.mark.postgres
@pytest.mark.parametrize("sabotaged", BOTH)
def test_without_the_liveness_check_a_claim_outlives_its_child_and_its_jobs_are_stuck(
    postgres_bench: Bench, sabotaged: bool
) -> None:
    worker = postgres_bench.start(concurrency=1, sabotage="liveness" if sabotaged else "")
    claim_outlives_its_child(postgres_bench, worker.one("child"))
    verdict = judged(postgres_bench, drain=4.0)
    assert broken(verdict) == ({"stuck", "undrained"} if sabotaged else set())


@pytest.mark.parametrize("sabotaged", BOTH)
def test_without_the_liveness_check_a_claim_of_the_dead_is_answered_and_its_jobs_are_stuck(
    valkey_bench: Bench, sabotaged: bool
) -> None:
    bench = valkey_bench
    worker = bench.start(concurrency=1)
    dead = bench.ledger.await_start(bench.push("noop"))
    bench.ledger.write("fault", "child-kill", dead.pid)
    os.kill(dead.pid, signal.SIGKILL)
    wait_for(lambda: {dead.pid} < set(bench.ledger.pids("child")), "another child in its place, which comes after its burial")
    worker.freeze()  # so that nobody else claims what comes
    bench.push_all([bench.job("noop") for _ in range(4)])
    mend = change_scripts(*LIVENESS_CHECK) if sabotaged else lambda: None
    try:
        with nullcontext() if sabotaged else pytest.raises(ChildIsDead):
            bench.store.claim([QUEUE], 4, dead.token.child)  # what it sent before it died, and what was held up on the way
    finally:
        mend()
    worker.tell_all(signal.SIGCONT)
    assert broken(judged(bench, drain=3.0)) == ({"stuck", "undrained"} if sabotaged else set())


@pytest.fixture
def fragile(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[PostgresServer, Bench]]:
    """A bench on a server of its own, which the test may stop."""
    with (
        PostgresServer() as server,
        django_db_blocker.unblock(),
        a_bench(tmp_path, postgres_settings(server, "fragile")) as run,
    ):
        yield server, run


@pytest.mark.postgres
@pytest.mark.parametrize("sabotaged", BOTH)
def test_without_the_grace_after_an_outage_living_workers_are_declared_dead(
    fragile: tuple[PostgresServer, Bench], sabotaged: bool
) -> None:
    server, bench = fragile
    sabotage = "grace" if sabotaged else ""
    lease = 1.5
    workers = [bench.start(concurrency=1, lease=lease, renew_every=0.3, sabotage=sabotage) for _ in range(2)]
    held = [bench.push("hold", "end") for _ in range(2)]
    begun = max(bench.ledger.await_start(job).at for job in held)
    wait_for(lambda: time.monotonic() - begun > UNWRITTEN, "the claims to be on the disk: nothing excuses a second body")
    bench.ledger.write("fault", "outage")
    server.interrupt()
    bench.store.close()
    time.sleep(lease)  # the outage
    # One keeper is back a moment after the other, as in life, but for certain: that is what the grace is for.
    late = workers[1].one("keeper")
    os.kill(late, signal.SIGSTOP)
    server.start()
    wait_for(lambda: workers_where(bench, "alive and lease > clock_timestamp()") == 1, "the other to have renewed")
    if sabotaged:
        wait_for(lambda: workers_where(bench, "alive") == 1, "it to judge falsely")
    os.kill(late, signal.SIGCONT)
    back = time.monotonic()
    wait_for(lambda: time.monotonic() - back > lease + 0.7, "everybody to have renewed, and to have judged who would")
    bench.open_gate("end")
    assert broken(judged(bench)) == ({"unexplained"} if sabotaged else set())


def workers_where(bench: Bench, condition: str) -> int:
    """Count the workers for which a condition holds; -1 while the server does not answer."""
    try:
        with typed_errors(ALIAS, bench.store.connection):
            return int(bench.store.connection.fetch(f"select count(*) from celeriac_worker where {condition}")[0][0])
    except BrokerUnavailable:
        return -1
