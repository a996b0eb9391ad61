"""Nobody waits behind a long job, and nobody who waits there runs twice (invariant 9)."""

from __future__ import annotations

import time

import pytest

from celeriac.engine.job import State
from tests.chaos.bench import Bench

pytestmark = pytest.mark.process

LONG = 10.0
"""Seconds that the long jobs take: who has to wait for one is found out, however busy the machine is."""
SOON = LONG / 2
"""Seconds in which a job that was claimed behind a long one has begun elsewhere. Promised are 100 ms."""


def warm_up(bench: Bench, jobs: int = 400) -> None:
    """Run many short jobs, so that the next claims are large ones."""
    bench.all_ended(bench.push_all([bench.job("noop") for _ in range(jobs)]))


def starts_of(bench: Bench, ids: list[str]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {id: [] for id in ids}
    for run in bench.ledger.runs("start"):
        if run.key in found:
            found[run.key].append(run.at)
    return found


@pytest.mark.parametrize("task", ["sleep", "hog"])
def test_the_neighbours_of_a_long_job_run_in_the_other_child(bench: Bench, task: str) -> None:
    bench.start(concurrency=2)
    warm_up(bench)
    jobs = [bench.job(task, LONG), *(bench.job("noop") for _ in range(30))]
    pushed = time.monotonic()
    bench.push_all(jobs)
    neighbours = [job.id for job in jobs[1:]]
    assert {job.state for job in bench.all_ended(neighbours)} == {State.SUCCEEDED}
    starts = starts_of(bench, neighbours)
    assert max(times[0] for times in starts.values()) - pushed < SOON
    assert {len(times) for times in starts.values()} == {1}


def test_what_ran_before_a_job_that_holds_the_gil_does_not_run_again(bench: Bench) -> None:
    bench.start(concurrency=2)
    warm_up(bench)
    jobs = [*(bench.job("noop") for _ in range(10)), bench.job("hog", 1.0), *(bench.job("noop") for _ in range(10))]
    bench.push_all(jobs)
    ids = [job.id for job in jobs]
    assert {job.state for job in bench.all_ended(ids)} == {State.SUCCEEDED}
    assert {id: len(times) for id, times in starts_of(bench, ids).items() if len(times) != 1} == {}


@pytest.mark.parametrize("pool", ["threads", "asyncio"])
def test_the_neighbours_of_long_jobs_in_a_pool_run_in_another_worker_and_once(sqlite_bench: Bench, pool: str) -> None:
    bench = sqlite_bench
    bench.start(pool=pool, concurrency=2, queues=["long", "short"])
    warm_up_queue(bench, "short")
    bench.start(pool=pool, concurrency=2, queues=["short"])
    long = [bench.push("sleep", LONG, queue="long") for _ in range(2)]
    for id in long:
        bench.ledger.await_start(id)
    for _ in range(3):  # one batch is given back and claimed anew, as often as it takes
        short = bench.push_all([bench.job("noop", queue="short") for _ in range(20)])
        pushed = time.monotonic()
        bench.all_ended(short)
        assert time.monotonic() - pushed < SOON
    ids = [run.key for run in bench.ledger.runs("start")]
    assert sorted(ids) == sorted(set(ids)), "every job ran once"


def warm_up_queue(bench: Bench, queue: str) -> None:
    bench.all_ended(bench.push_all([bench.job("noop", queue=queue) for _ in range(400)]))


def test_the_jobs_of_a_pool_whose_threads_are_all_busy_are_given_back_and_run_once(sqlite_bench: Bench) -> None:
    bench = sqlite_bench
    bench.start(pool="threads", concurrency=1)
    warm_up(bench)
    jobs = bench.push_all([bench.job("sleep", 1.0), *(bench.job("noop") for _ in range(20))])
    bench.start(pool="threads", concurrency=1)
    assert {job.state for job in bench.all_ended(jobs)} == {State.SUCCEEDED}
    assert {len(times) for times in starts_of(bench, jobs).values()} == {1}


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_long_coroutine_does_not_make_the_keeper_take_jobs_from_threads_that_flow(sqlite_bench: Bench, pool: str) -> None:
    sqlite_bench.start(pool=pool, concurrency=2)
    warm_up(sqlite_bench)
    for _ in range(8):  # each becomes slow once, in the middle of the others
        sqlite_bench.push("nap", 0.15)
        jobs = sqlite_bench.push_all([sqlite_bench.job("sleep", 0.002) for _ in range(100)])
        sqlite_bench.all_ended(jobs)
    keys = [run.key for run in sqlite_bench.ledger.runs("start")]
    assert sorted(keys) == sorted(set(keys)), "every job ran once"


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_coroutines_run_by_the_dozen_whatever_the_number_of_threads(sqlite_bench: Bench, pool: str) -> None:
    sqlite_bench.start(pool=pool, concurrency=2)
    jobs = sqlite_bench.push_all([sqlite_bench.job("ahold", "dozens") for _ in range(60)])
    for id in jobs:
        sqlite_bench.ledger.await_start(id)  # all at once: none ends before the gate opens
    short = sqlite_bench.push("noop")
    sqlite_bench.all_ended([short])
    sqlite_bench.open_gate("dozens")
    assert {job.state for job in sqlite_bench.all_ended(jobs)} == {State.SUCCEEDED}
    assert {len(times) for times in starts_of(sqlite_bench, jobs).values()} == {1}
