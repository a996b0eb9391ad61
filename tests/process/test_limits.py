"""Ending one running job: by its time limits, or because somebody revoked it. The others are not harmed."""

from __future__ import annotations

import pytest

from celeriac.engine.codec import decode_failure, decode_result
from celeriac.engine.job import State
from tests.chaos.bench import Bench
from tests.chaos.ledger import wait_for

pytestmark = pytest.mark.process

POOLS = ["prefork", "threads", "asyncio"]


def test_a_hard_limit_kills_the_job_and_fails_it(bench: Bench) -> None:
    worker = bench.start(concurrency=1)
    job = bench.push("hold", "never", limits={"time_limit": 0.5})
    ended = bench.ended(job)
    assert ended.state is State.FAILED
    assert ended.result is not None
    assert decode_failure(ended.result).type == "TimeLimitExceeded"
    assert ended.worker
    assert ended.started is not None
    assert ended.finished is not None
    assert ended.finished - ended.started > 0.4
    assert len(bench.ledger.starts(job)) == 1
    assert bench.ended(bench.push("noop")).state is State.SUCCEEDED, "the child was replaced"
    assert bench.ledger.starts(job)[0].pid not in worker.processes()


def test_a_hard_limit_ends_a_job_that_holds_the_gil(sqlite_bench: Bench) -> None:
    sqlite_bench.start(concurrency=1)
    job = sqlite_bench.push("hog", 60.0, limits={"time_limit": 0.5})
    assert sqlite_bench.ended(job, patience=20.0).state is State.FAILED


@pytest.mark.parametrize("pool", ["threads", "asyncio"])
def test_a_hard_limit_that_a_pool_of_many_ignores_ends_in_a_kill_and_the_neighbours_run_again_uncharged(
    sqlite_bench: Bench, pool: str
) -> None:
    sqlite_bench.start(pool=pool, concurrency=2, kill_after=0.5)
    neighbour = sqlite_bench.push("hold", "end")
    sqlite_bench.ledger.await_start(neighbour)
    stubborn = sqlite_bench.push("spin", "never", limits={"time_limit": 0.5})
    assert sqlite_bench.ended(stubborn).state is State.FAILED
    sqlite_bench.ledger.await_start(neighbour, times=2)
    assert sqlite_bench.record(neighbour).charges == 0
    sqlite_bench.open_gate("end")
    assert sqlite_bench.ended(neighbour).state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("pool", "task"), [("prefork", "ahold"), ("threads", "hold"), ("threads", "ahold"), ("asyncio", "ahold")]
)
def test_a_hard_limit_that_a_pool_of_many_obeys_fails_the_job_and_leaves_the_neighbours(
    sqlite_bench: Bench, pool: str, task: str
) -> None:
    sqlite_bench.start(pool=pool, concurrency=1 if pool == "prefork" else 2)
    neighbour = sqlite_bench.push(task, "end")
    sqlite_bench.ledger.await_start(neighbour)
    ended = sqlite_bench.ended(sqlite_bench.push(task, "never", limits={"time_limit": 0.5}))
    assert ended.state is State.FAILED
    assert ended.result is not None
    failure = decode_failure(ended.result)
    assert (failure.type, failure.message) == ("TimeLimitExceeded", "The job ran past its time limit of 0.5 s and was killed.")
    sqlite_bench.open_gate("end")
    assert sqlite_bench.ended(neighbour).state is State.SUCCEEDED
    assert len(sqlite_bench.ledger.starts(neighbour)) == 1


@pytest.mark.parametrize(
    ("pool", "task"), [("prefork", "soft"), ("threads", "soft"), ("asyncio", "asoft"), ("prefork", "asoft"), ("solo", "soft")]
)
def test_a_soft_limit_is_raised_inside_the_task(sqlite_bench: Bench, pool: str, task: str) -> None:
    sqlite_bench.start(pool=pool, concurrency=2)
    job = sqlite_bench.push(task, 60.0, limits={"soft_time_limit": 0.3})
    ended = sqlite_bench.ended(job, patience=20.0)
    assert ended.state is State.SUCCEEDED
    assert ended.result is not None
    assert decode_result(ended.result) == "cleaned up"


@pytest.mark.parametrize(
    ("pool", "task"),
    [
        ("prefork", "hold"),
        ("threads", "hold"),
        ("asyncio", "ahold"),
        ("asyncio", "hold"),
        ("prefork", "ahold"),
        ("solo", "hold"),
    ],
)
def test_a_revoked_job_ends_cancelled_and_the_others_are_unharmed(bench: Bench, pool: str, task: str) -> None:
    if bench.engine == "postgresql" and pool != "prefork":
        pytest.skip("which pool runs the job makes no difference to the database")
    bench.start(pool=pool, concurrency=2)
    victim = bench.push(task, "end")
    bench.ledger.await_start(victim)
    other = bench.push(task, "end")
    if pool != "solo":
        bench.ledger.await_start(other)
    bench.terminate(victim)
    assert bench.ended(victim).state is State.CANCELLED
    bench.open_gate("end")
    assert bench.ended(other).state is State.SUCCEEDED
    assert len(bench.ledger.starts(victim)) == 1
    assert len(bench.ledger.starts(other)) == 1


def test_a_revoked_job_that_swallows_every_exception_is_killed_with_its_pool(sqlite_bench: Bench) -> None:
    sqlite_bench.start(pool="threads", concurrency=2, kill_after=0.5)
    stubborn = sqlite_bench.push("spin", "never")
    other = sqlite_bench.push("hold", "end")
    for job in (stubborn, other):
        sqlite_bench.ledger.await_start(job)
    sqlite_bench.terminate(stubborn)
    assert sqlite_bench.ended(stubborn).state is State.CANCELLED
    sqlite_bench.ledger.await_start(other, times=2)
    sqlite_bench.open_gate("end")
    assert sqlite_bench.ended(other).state is State.SUCCEEDED
    assert sqlite_bench.record(other).charges == 0


def test_a_revoked_job_is_not_run_again_by_a_retry_or_a_restart(sqlite_bench: Bench) -> None:
    worker = sqlite_bench.start(concurrency=1)
    victim = sqlite_bench.push("hold", "never")
    sqlite_bench.ledger.await_start(victim)
    sqlite_bench.terminate(victim)
    assert sqlite_bench.ended(victim).state is State.CANCELLED
    wait_for(lambda: worker.with_role("child"), "the child's successor")
    assert sqlite_bench.ended(sqlite_bench.push("noop")).state is State.SUCCEEDED
    assert len(sqlite_bench.ledger.starts(victim)) == 1
