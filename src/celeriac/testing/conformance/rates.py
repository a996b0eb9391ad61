"""Rate limits: turns evenly spaced, each given away once, over all connections."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from celeriac.engine.brokers.base import Cancel, Pace
from celeriac.engine.job import Job, State
from celeriac.testing.conformance.scenario import (
    LONG,
    PATIENCE,
    QUEUE,
    Engine,
    MakeEngine,
    a_child,
    a_job,
    a_worker,
    an_outcome,
    another,
    claim_one,
    ids,
    known,
    some_jobs,
    start,
    state_of,
)

LIMITED = "shop.tasks.print_label"
HOURLY = {LIMITED: 3_600.0}
BRISK = {LIMITED: 0.05}


def claim_when_due(broker: Engine, child: str) -> Job:
    """Promote until a job can be claimed, and claim it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        until = broker.promote(10)
        if jobs := broker.claim([QUEUE], 1, child):
            return jobs[0]
        time.sleep(min(until or 0.0, 1.0))  # until the job is due: what is asked for is the time itself
    raise AssertionError(f"nothing was due for {PATIENCE:g} s")


class RateSuite:
    """Taking turns."""

    @pytest.fixture(autouse=True)
    def _with_delays(self, broker: Engine) -> None:
        if not broker.capabilities.delay:
            pytest.skip("this broker has no delays")

    def test_the_first_may_begin_and_the_others_are_scheduled_one_turn_apart(self, broker: Engine) -> None:
        child = a_child(broker)
        jobs = some_jobs(4, task=LIMITED)
        broker.push(jobs)
        claimed = broker.claim([QUEUE], 4, child)
        assert broker.admit(claimed, HOURLY) == {claimed[0].token}
        records = [known(broker, job.id) for job in jobs]
        assert [record.state for record in records] == [State.RUNNING, *[State.SCHEDULED] * 3]
        assert [(record.attempts, record.charges, record.child) for record in records[1:]] == [(0, 0, "")] * 3
        times = [record.run_at or 0.0 for record in records[1:]]
        assert [second - first for first, second in pairwise(times)] == pytest.approx([3_600.0] * 2)
        assert times[0] - time.time() == pytest.approx(3_600.0, abs=PATIENCE)
        assert broker.held(child) == {claimed[0].token}

    def test_nobody_begins_before_the_next_turn(self, broker: Engine) -> None:
        broker.push(some_jobs(2, task=LIMITED))
        child = a_child(broker)
        first = claim_one(broker, child)
        assert broker.admit([first], HOURLY) == {first.token}
        broker.settle([an_outcome(first)])
        broker.push([new := a_job(task=LIMITED)])
        assert broker.admit(broker.claim([QUEUE], 5, child), HOURLY) == set()
        assert state_of(broker, new) is State.SCHEDULED

    def test_a_job_begins_when_its_turn_has_come_though_it_was_given_back_meanwhile(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(2, task=LIMITED))
        claimed = broker.claim([QUEUE], 2, child)
        broker.admit(claimed, BRISK)
        again = claim_when_due(broker, child)
        assert again.id == claimed[1].id
        assert broker.admit([again], HOURLY) == {again.token}
        broker.release([again.token])
        again = claim_one(broker, child)
        assert broker.admit([again], HOURLY) == {again.token}

    def test_a_retry_takes_a_new_turn(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(2, task=LIMITED))
        claimed = broker.claim([QUEUE], 2, child)
        broker.admit(claimed, BRISK)
        again = claim_when_due(broker, child)
        broker.settle([an_outcome(again, State.SCHEDULED, run_at=time.time() - 1)])
        retried = claim_one(broker, child)
        assert (retried.id, retried.attempts) == (again.id, 1)
        taken = a_job(task=LIMITED)
        broker.push([taken])
        other = claim_one(broker, child)
        assert retried.token not in broker.admit([other, retried], HOURLY)

    def test_what_waits_behind_is_put_off_with_it_and_other_tasks_are_not(self, broker: Engine) -> None:
        child = a_child(broker)
        limited, urgent, free = some_jobs(3, task=LIMITED), a_job(task=LIMITED, priority=5), a_job()
        broker.push(limited[:2])
        claimed = broker.claim([QUEUE], 2, child)
        broker.push([limited[2], free, urgent])
        assert broker.admit(claimed, HOURLY) == {claimed[0].token}
        assert ids(broker.claim([QUEUE], 10, child)) == [free.id]
        in_turn = sorted([limited[1], limited[2], urgent], key=lambda job: known(broker, job.id).run_at or 0.0)
        assert ids(in_turn) == [limited[1].id, urgent.id, limited[2].id]

    def test_two_connections_never_give_one_turn_away_twice(self, broker: Engine, make_broker: MakeEngine) -> None:
        worker, rounds = a_worker(broker, LONG), 12
        gate = threading.Barrier(2)

        def take(queue: str) -> list[str]:
            with another(make_broker) as connection:
                child = a_child(connection, worker)
                taken = []
                for job in some_jobs(rounds, task=LIMITED, queue=queue):
                    connection.push([job])
                    claimed = connection.claim([queue], 1, child)
                    gate.wait(PATIENCE)
                    connection.admit(claimed, HOURLY)
                    taken.append(job.id)
                return taken

        actors = [start(lambda: take("left")), start(lambda: take("right"))]
        records = [known(broker, id) for actor in actors for id in actor.finish()]
        assert sorted(record.state for record in records) == [State.RUNNING, *[State.SCHEDULED] * (2 * rounds - 1)]
        times = sorted(record.run_at or 0.0 for record in records if record.state is State.SCHEDULED)
        assert [later - earlier for earlier, later in pairwise(times)] == [pytest.approx(3_600.0)] * (2 * rounds - 2)

    def test_a_rate_set_at_run_time_wins_until_it_is_taken_back(self, broker: Engine) -> None:
        child = a_child(broker)
        assert broker.paced() == {}
        broker.control(Pace(LIMITED, 3_600.0))
        assert broker.paced() == {LIMITED: 3_600.0}
        broker.push(some_jobs(2, task=LIMITED))
        assert len(broker.admit(broker.claim([QUEUE], 2, child), {})) == 1
        assert broker.control(Pace(LIMITED, 0.0)) == 1, "what was put off waits again"
        broker.push(some_jobs(2, task=LIMITED))
        claimed = broker.claim([QUEUE], 10, child)
        assert len(claimed) == 3
        assert broker.admit(claimed, HOURLY) == {job.token for job in claimed}
        broker.control(Pace(LIMITED, None))
        assert broker.paced() == {}
        broker.push(some_jobs(2, task=LIMITED))
        assert len(broker.admit(broker.claim([QUEUE], 10, child), HOURLY)) == 1

    def test_a_job_that_is_to_be_terminated_neither_begins_nor_comes_back(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(2, task=LIMITED))
        first, doomed = broker.claim([QUEUE], 2, child)
        broker.control(Cancel((doomed.id,), terminate=True))
        assert broker.admit([first, doomed], HOURLY) == {first.token}
        broker.release(broker.held(child) - {first.token})
        assert state_of(broker, doomed) is State.CANCELLED

    def test_a_lost_claim_puts_nothing_off(self, broker: Engine) -> None:
        child, heir = a_child(broker), a_child(broker)
        broker.push(some_jobs(2, task=LIMITED))
        claimed = broker.claim([QUEUE], 2, child)
        broker.rescue(child)
        held = broker.claim([QUEUE], 2, heir)
        broker.admit(claimed, HOURLY)
        assert broker.held(heir) == {job.token for job in held}
