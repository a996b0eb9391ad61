"""Processes that die: a child, the keeper, the template, the master, all at once.

No job is lost, and only the guilty are charged.
"""

from __future__ import annotations

import os
import signal
import time

import pytest

from celeriac.engine.job import State
from tests.chaos.bench import Bench
from tests.chaos.ledger import wait_for

pytestmark = pytest.mark.process


def test_the_job_of_a_killed_child_runs_again_within_a_second_and_is_charged(every_bench: Bench) -> None:
    every_bench.start(concurrency=1, lease=600.0)
    assert min(seconds_after_a_kill(every_bench, f"end-{nth}") for nth in range(3)) < 1.0  # a busy machine may be late once


def seconds_after_a_kill(bench: Bench, gate: str) -> float:
    """Kill the child that runs a job; return how long it took until the job ran in another, where it succeeds."""
    job = bench.push("hold", gate)
    first = bench.ledger.await_start(job)
    os.kill(first.pid, signal.SIGKILL)
    killed = time.monotonic()
    second = bench.ledger.await_start(job, times=2)
    assert second.token.child != first.token.child
    assert bench.record(job).charges == 1
    bench.open_gate(gate)
    assert bench.ended(job).state is State.SUCCEEDED
    return second.at - killed


def test_the_neighbours_of_a_killed_job_are_not_charged(bench: Bench) -> None:
    bench.start(concurrency=1)
    bench.all_ended(bench.push_all([bench.job("noop") for _ in range(100)]))  # so that the next claim is a large one
    jobs = bench.push_all([bench.job("die", "kill"), *(bench.job("noop") for _ in range(20))])
    assert bench.ended(jobs[0]).state is State.PARKED
    records = bench.all_ended(jobs[1:])
    assert {(job.state, job.charges) for job in records} == {(State.SUCCEEDED, 0)}


@pytest.mark.parametrize("how", ["kill", "abort", "exit"])
def test_a_poison_job_is_parked_after_three_deaths_and_the_others_run(sqlite_bench: Bench, how: str) -> None:
    sqlite_bench.start(concurrency=2)
    poison = sqlite_bench.push("die", how)
    others = sqlite_bench.push_all([sqlite_bench.job("noop") for _ in range(50)])
    assert sqlite_bench.ended(poison).state is State.PARKED
    assert len(sqlite_bench.ledger.starts(poison)) == 3
    assert {job.state for job in sqlite_bench.all_ended(others)} == {State.SUCCEEDED}


def test_a_job_that_asks_for_at_most_once_fails_when_its_child_dies(bench: Bench) -> None:
    bench.start(concurrency=1)
    job = bench.push("hold_once", "never")
    os.kill(bench.ledger.await_start(job).pid, signal.SIGKILL)
    ended = bench.ended(job)
    assert ended.state is State.FAILED
    assert ended.result is not None
    assert b"WorkerLostError" in ended.result
    assert len(bench.ledger.starts(job)) == 1


def test_killing_the_master_ends_every_process_of_the_worker(sqlite_bench: Bench) -> None:
    worker = sqlite_bench.start(concurrency=2)
    sqlite_bench.ledger.await_start(sqlite_bench.push("hold", "never"))
    wait_for(lambda: len(worker.processes()) == 5, "a master, a template, a keeper and two children")
    worker.popen.kill()
    worker.await_gone()


def test_a_second_worker_takes_over_the_jobs_of_a_killed_one(bench: Bench) -> None:
    first = bench.start(concurrency=2)
    jobs = [bench.push("hold", "end") for _ in range(2)]
    for job in jobs:
        bench.ledger.await_start(job)
    second = bench.start(concurrency=2)
    bench.open_gate("end")  # for those that run it anew; nobody who runs it now has the time to look
    first.kill()
    bench.all_ended(jobs, patience=15.0)  # the lease is 2 s, and it is looked at each second
    # One may have seen the gate before it was killed; whatever ran again ran in the second worker.
    again = [run for job in jobs for run in bench.ledger.starts(job)[1:]]
    assert all(run.pid in second.with_role("child") for run in again)


def test_a_killed_keeper_is_replaced_and_the_worker_keeps_its_lease(bench: Bench) -> None:
    worker = bench.start(concurrency=1)
    witness = bench.start(concurrency=1, queues=["nothing"])  # it would rescue what nobody renews
    job = bench.push("hold", "end")
    bench.ledger.await_start(job)
    old = worker.one("keeper")
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: worker.one("keeper") != old, "a new keeper")
    scheduled = bench.push_in(0.1, "noop")  # a keeper is what makes it run
    assert witness.popen.poll() is None
    bench.open_gate("end")
    assert {bench.ended(id).state for id in (job, scheduled)} == {State.SUCCEEDED}
    assert len(bench.ledger.starts(job)) == 1


def test_a_job_outlives_the_keeper_and_its_child_when_both_are_killed_at_once(bench: Bench) -> None:
    worker = bench.start(concurrency=1)
    job = bench.push("hold", "end")
    child = bench.ledger.await_start(job).pid
    for victim in (worker.one("keeper"), child):
        os.kill(victim, signal.SIGKILL)
    bench.ledger.await_start(job, times=2)
    bench.open_gate("end")
    assert bench.ended(job).state is State.SUCCEEDED


def test_a_killed_template_is_replaced_and_the_jobs_of_its_children_run_again(bench: Bench) -> None:
    worker = bench.start(concurrency=2)
    job = bench.push("hold", "end")
    bench.ledger.await_start(job)
    old = worker.one("template")
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: worker.one("template") != old, "a new template")
    bench.ledger.await_start(job, times=2)
    bench.open_gate("end")
    assert bench.ended(job).state is State.SUCCEEDED
    wait_for(lambda: len(worker.processes()) == 5, "the new template's children")


def test_a_child_that_is_killed_while_it_is_idle_is_replaced(sqlite_bench: Bench) -> None:
    worker = sqlite_bench.start(concurrency=2)
    wait_for(lambda: len(worker.with_role("child")) == 2, "two children")
    victim, other = worker.with_role("child")
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len({other, *worker.with_role("child")} - {victim}) == 2, "its successor")
    assert sqlite_bench.ended(sqlite_bench.push("noop")).state is State.SUCCEEDED


@pytest.mark.parametrize(("pool", "task"), [("threads", "sleep"), ("asyncio", "nap"), ("prefork", "nap")])
def test_a_poison_job_does_not_take_those_with_it_that_run_in_the_same_child(sqlite_bench: Bench, pool: str, task: str) -> None:
    sqlite_bench.start(pool=pool, concurrency=4)
    others = sqlite_bench.push_all([sqlite_bench.job(task, 0.3) for _ in range(6)])
    poison = sqlite_bench.push("die", "kill")
    others += sqlite_bench.push_all([sqlite_bench.job(task, 0.3) for _ in range(6)])
    assert sqlite_bench.ended(poison).state is State.PARKED
    assert {job.state for job in sqlite_bench.all_ended(others)} == {State.SUCCEEDED}
