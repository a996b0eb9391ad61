"""A child died, and its master saw it: its jobs run again, and the one that killed it is charged."""

from __future__ import annotations

from celeriac.engine.brokers.base import Unpark
from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import (
    Engine,
    a_child,
    a_job,
    a_worker,
    charges_of,
    claim_one,
    claim_some,
    ids,
    state_of,
)


class ChildRescueSuite:
    """The master saw a child die."""

    def test_the_jobs_of_a_dead_child_wait_again(self, broker: Engine) -> None:
        child = a_child(broker)
        jobs = claim_some(broker, 3, child)
        assert broker.rescue(child) == 3
        assert broker.held(child) == set()
        assert {state_of(broker, job) for job in jobs} == {State.WAITING}
        again = broker.claim(["default"], 10, a_child(broker))
        assert sorted(ids(again)) == sorted(ids(jobs))
        assert {job.delivery for job in again} == {2}

    def test_only_the_dead_childs_jobs_are_taken(self, broker: Engine) -> None:
        worker = a_worker(broker)
        child, sibling = a_child(broker, worker), a_child(broker, worker)
        claim_some(broker, 2, child)
        theirs = claim_some(broker, 2, sibling)
        assert broker.rescue(child) == 2
        assert broker.held(sibling) == {job.token for job in theirs}

    def test_a_second_rescue_finds_nothing(self, broker: Engine) -> None:
        child = a_child(broker)
        claim_some(broker, 2, child)
        assert broker.rescue(child) == 2
        assert broker.rescue(child) == 0
        assert broker.rescue("no-such-child") == 0

    def test_a_prefetched_job_is_never_charged(self, broker: Engine) -> None:
        job = a_job()
        broker.push([job])
        for _ in range(5):
            child = a_child(broker)
            claim_one(broker, child)
            broker.rescue(child)
        assert (state_of(broker, job), charges_of(broker, job)) == (State.WAITING, 0)

    def test_a_begun_job_is_charged(self, broker: Engine) -> None:
        child = a_child(broker)
        begun, prefetched = claim_some(broker, 2, child)
        assert broker.begin([begun.token]) == {begun.token}
        assert broker.rescue(child) == 2
        assert (charges_of(broker, begun), charges_of(broker, prefetched)) == (1, 0)
        claimed = broker.claim(["default"], 10, a_child(broker))
        assert {job.id: job.charges for job in claimed} == {begun.id: 1, prefetched.id: 0}

    def test_a_job_that_the_master_saw_begin_is_charged(self, broker: Engine) -> None:
        child = a_child(broker)
        begun, prefetched = claim_some(broker, 2, child)
        broker.rescue(child, begun=[begun.token])
        assert (charges_of(broker, begun), charges_of(broker, prefetched)) == (1, 0)

    def test_beginning_is_charged_once_however_often_it_is_said(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token])
        broker.begin([job.token])
        broker.rescue(child, begun=[job.token])
        assert charges_of(broker, job) == 1

    def test_a_beginning_counts_for_its_own_claim_only(self, broker: Engine) -> None:
        broker.push([a_job()])
        first, second = a_child(broker), a_child(broker)
        job = claim_one(broker, first)
        broker.begin([job.token])
        broker.rescue(first)
        claim_one(broker, second)
        broker.rescue(second)
        assert charges_of(broker, job) == 1

    def test_a_job_that_killed_three_children_is_parked(self, broker: Engine) -> None:
        job = a_job()
        broker.push([job])
        states = []
        for _ in range(3):
            child = a_child(broker)
            broker.begin([claim_one(broker, child).token])
            assert broker.rescue(child) == 1
            states.append(state_of(broker, job))
        assert states == [State.WAITING, State.WAITING, State.PARKED]
        assert charges_of(broker, job) == 3
        assert broker.claim(["default"], 10, a_child(broker)) == []

    def test_a_parked_job_says_why(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token])
        broker.rescue(child, limit=1)
        assert state_of(broker, job) is State.PARKED
        failure = broker.attempts(job.id)[-1].failure
        assert failure is not None
        assert failure.type == "WorkerLostError"

    def test_an_unparked_job_starts_with_a_clean_record(self, broker: Engine) -> None:
        child, other = a_child(broker), a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token])
        broker.rescue(child, limit=1)
        broker.control(Unpark(ids=(job.id,)))
        again = claim_one(broker, other)
        broker.begin([again.token])
        broker.rescue(other, limit=2)
        assert (state_of(broker, job), charges_of(broker, job)) == (State.WAITING, 1)

    def test_only_the_charged_job_is_parked_not_its_neighbours(self, broker: Engine) -> None:
        child = a_child(broker)
        jobs = claim_some(broker, 4, child)
        broker.begin([jobs[1].token])
        assert broker.rescue(child, limit=1) == 4
        assert [state_of(broker, job) for job in jobs] == [State.WAITING, State.PARKED, State.WAITING, State.WAITING]
        assert broker.attempts(jobs[0].id) == []
