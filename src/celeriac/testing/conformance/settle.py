"""Ending attempts."""

from __future__ import annotations

import time

import pytest

from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import (
    Engine,
    a_child,
    a_failure,
    a_job,
    a_scheduled_job,
    an_outcome,
    claim_one,
    ids,
    known,
    some_jobs,
    state_of,
)


class SettleSuite:
    """Ending attempts."""

    @pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED, State.PARKED])
    def test_a_settled_job_is_not_claimed_again(self, broker: Engine, state: State) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        assert broker.settle([an_outcome(job, state)]) == set()
        assert broker.held(child) == set()
        assert broker.claim(["default"], 10, child) == []
        assert broker.rescue(child) == 0
        assert state_of(broker, job) is state

    def test_settling_nothing_is_fine(self, broker: Engine) -> None:
        assert broker.settle([]) == set()

    def test_what_an_attempt_ended_in_is_recorded(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        outcome = an_outcome(job, result=b'{"leaves":3}', worker="fig@tree")
        broker.settle([outcome])
        record = known(broker, job.id)
        assert (record.state, record.result, record.attempts) == (State.SUCCEEDED, b'{"leaves":3}', 1)
        assert record.worker == "fig@tree"
        assert record.started == pytest.approx(outcome.started, abs=0.01)
        assert record.finished == pytest.approx(outcome.finished, abs=0.01)

    def test_a_batch_settles_each_job_its_own_way(self, broker: Engine) -> None:
        states = [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED, State.PARKED, State.WAITING]
        broker.push(some_jobs(len(states)))
        jobs = broker.claim(["default"], 10, a_child(broker))
        assert broker.settle([an_outcome(job, state) for job, state in zip(jobs, states, strict=True)]) == set()
        assert [state_of(broker, job) for job in jobs] == states

    def test_one_batch_settles_jobs_of_several_children(self, broker: Engine) -> None:
        children = [a_child(broker), a_child(broker)]
        broker.push(some_jobs(2))
        jobs = [claim_one(broker, child) for child in children]
        assert broker.settle([an_outcome(job) for job in jobs]) == set()
        assert {state_of(broker, job) for job in jobs} == {State.SUCCEEDED}

    def test_a_requeued_job_waits_again(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        assert broker.settle([an_outcome(job, State.WAITING, counts=False)]) == set()
        assert state_of(broker, job) is State.WAITING
        again = claim_one(broker, a_child(broker))
        assert (again.id, again.attempts, again.delivery) == (job.id, 0, 2)

    def test_an_attempt_that_counts_is_counted(self, broker: Engine) -> None:
        child = a_child(broker)
        job = a_job()
        broker.push([job])
        for attempts in range(3):
            claimed = claim_one(broker, child)
            assert claimed.attempts == attempts
            broker.settle([an_outcome(claimed, State.WAITING)])
        assert known(broker, job.id).attempts == 3

    def test_a_retry_waits_for_its_time(self, broker: Engine) -> None:
        if not broker.capabilities.delay:
            pytest.skip("this broker has no delays")
        child = a_child(broker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        run_at = time.time() + 3_600
        assert broker.settle([an_outcome(job, State.SCHEDULED, run_at=run_at, failure=a_failure())]) == set()
        record = known(broker, job.id)
        assert (record.state, record.attempts) == (State.SCHEDULED, 1)
        assert record.run_at == pytest.approx(run_at, abs=0.01)
        assert broker.promote(10) == pytest.approx(3_600, abs=60)
        assert broker.claim(["default"], 10, child) == []

    def test_a_retry_that_is_due_runs_again_with_its_attempts(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        broker.settle([an_outcome(job, State.SCHEDULED, run_at=time.time() - 60, failure=a_failure())])
        broker.promote(10)
        again = claim_one(broker, child)
        assert (again.id, again.attempts, again.payload) == (job.id, 1, job.payload)

    def test_a_retry_may_change_arguments_and_queue(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        run_at = time.time() - 60
        broker.settle([an_outcome(job, State.SCHEDULED, run_at=run_at, payload=b"[[2],{},{}]", queue="slow")])
        broker.promote(10)
        assert broker.claim(["default"], 10, child) == []
        again = claim_one(broker, child, "slow")
        assert (again.id, again.queue, again.payload) == (job.id, "slow", b"[[2],{},{}]")
        assert known(broker, job.id).queue == "slow"

    def test_a_retry_keeps_its_priority(self, broker: Engine) -> None:
        if not broker.capabilities.priority:
            pytest.skip("this broker has no priorities")
        child = a_child(broker)
        urgent = a_job(priority=5)
        broker.push([urgent])
        broker.settle([an_outcome(claim_one(broker, child), State.SCHEDULED, run_at=time.time() - 60)])
        broker.push(some_jobs(2))
        broker.promote(10)
        assert claim_one(broker, child).id == urgent.id

    def test_follow_ups_are_pushed_with_the_outcome(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        next_step, delayed = a_job(queue="next", parent="p"), a_scheduled_job(3_600, queue="next")
        assert broker.settle([an_outcome(claim_one(broker, child), follow_ups=(next_step, delayed))]) == set()
        assert ids(broker.claim(["next"], 10, child)) == [next_step.id]
        assert state_of(broker, delayed) is State.SCHEDULED

    def test_a_follow_up_that_exists_is_left_alone(self, broker: Engine) -> None:
        child = a_child(broker)
        existing = a_job(queue="next", payload=b"first")
        broker.push([existing, a_job()])
        broker.settle([an_outcome(claim_one(broker, child), follow_ups=(a_job(existing.id, queue="next", payload=b"second"),))])
        assert [job.payload for job in broker.claim(["next"], 10, child)] == [b"first"]
