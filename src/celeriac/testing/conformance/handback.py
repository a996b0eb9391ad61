"""What a slow, a leaving or a recovered worker gives back."""

from __future__ import annotations

from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import (
    Engine,
    a_child,
    a_failure,
    a_job,
    a_worker,
    an_outcome,
    charges_of,
    claim_one,
    claim_some,
    ids,
    known,
    some_jobs,
    state_of,
)


class HandBackSuite:
    """Jobs that go back although nobody died."""

    def test_release_gives_back_what_has_not_begun(self, broker: Engine) -> None:
        child = a_child(broker)
        begun, prefetched, other = claim_some(broker, 3, child)
        broker.begin([begun.token])
        assert broker.release([begun.token, prefetched.token, other.token]) == 2
        assert broker.held(child) == {begun.token}
        assert [state_of(broker, job) for job in (begun, prefetched, other)] == [State.RUNNING, State.WAITING, State.WAITING]
        assert broker.settle([an_outcome(begun)]) == set()

    def test_release_gives_back_what_it_is_told_to_and_no_more(self, broker: Engine) -> None:
        child = a_child(broker)
        jobs = claim_some(broker, 4, child)
        assert broker.release([jobs[1].token, jobs[2].token]) == 2
        assert broker.release([]) == 0
        assert broker.held(child) == {jobs[0].token, jobs[3].token}
        assert ids(broker.claim(["default"], 10, a_child(broker))) == ids(jobs[1:3])

    def test_one_release_serves_several_children(self, broker: Engine) -> None:
        children = [a_child(broker), a_child(broker)]
        broker.push(some_jobs(2))
        tokens = [claim_one(broker, child).token for child in children]
        assert broker.release(tokens) == 2
        assert [broker.held(child) for child in children] == [set(), set()]

    def test_a_release_charges_nobody(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        token = job.token
        for _ in range(4):
            assert broker.release([token]) == 1
            token = claim_one(broker, child).token
        assert charges_of(broker, job) == 0

    def test_a_child_may_claim_after_a_release(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        assert broker.release([job.token]) == 1
        again = claim_one(broker, child)
        assert (again.id, again.delivery) == (job.id, 2)

    def test_a_worker_that_leaves_gives_everything_back_uncharged(self, broker: Engine) -> None:
        worker = a_worker(broker)
        begun, prefetched = claim_some(broker, 2, a_child(broker, worker))
        (third,) = claim_some(broker, 1, a_child(broker, worker))
        broker.begin([begun.token])
        assert broker.leave(worker) == 3
        assert {state_of(broker, job) for job in (begun, prefetched, third)} == {State.WAITING}
        assert {job.charges for job in broker.claim(["default"], 10, a_child(broker))} == {0}

    def test_leaving_touches_no_other_worker(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        assert broker.leave(a_worker(broker)) == 0
        assert broker.leave("no-such-worker") == 0
        assert broker.held(child) == {job.token}

    def test_what_a_job_failed_with_before_is_kept_through_a_rescue(self, broker: Engine) -> None:
        broker.push([a_job()])
        broker.settle([an_outcome(claim_one(broker, a_child(broker)), State.WAITING, failure=a_failure("first"))])
        child = a_child(broker)
        job = claim_one(broker, child)
        broker.rescue(child)
        assert [attempt.failure.message for attempt in broker.attempts(job.id) if attempt.failure] == ["first"]
        assert known(broker, job.id).attempts == 1
