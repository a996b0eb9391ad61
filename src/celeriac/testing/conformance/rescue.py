"""What becomes of the jobs of the dead, the leaving and the slow (invariants 1, 6 and 8)."""

from __future__ import annotations

import pytest

from celeriac.engine.brokers.base import Unpark, Verdict
from celeriac.engine.codec import decode_failure
from celeriac.engine.errors import ChildIsDead
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Failure
from celeriac.testing.conformance.scenario import (
    LONG,
    RUN_OUT,
    Engine,
    a_child,
    a_failure,
    a_job,
    a_worker,
    an_outcome,
    claim_one,
    ids,
    known,
    some_jobs,
    state_of,
)


def claim_some(broker: Engine, number: int, child: str) -> list[Job]:
    """Push ``number`` jobs and claim them all."""
    broker.push(some_jobs(number))
    jobs = broker.claim(["default"], number, child)
    assert len(jobs) == number
    return jobs


def charges_of(broker: Engine, job: Job) -> int:
    """Return how many deaths the job is charged for."""
    return known(broker, job.id).charges


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


class AtMostOnceSuite:
    """Jobs that must not run twice."""

    def test_a_begun_job_of_the_kind_fails_instead(self, broker: Engine) -> None:
        child = a_child(broker)
        job, prefetched = claim_some(broker, 2, child)
        assert broker.begin([job.token], once=True) == {job.token}
        assert broker.rescue(child) == 2
        assert [state_of(broker, job), state_of(broker, prefetched)] == [State.FAILED, State.WAITING]
        assert ids(broker.claim(["default"], 10, a_child(broker))) == [prefetched.id]

    def test_its_failure_says_that_the_worker_was_lost(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token], once=True)
        broker.rescue(child)
        failure = broker.attempts(job.id)[-1].failure
        assert failure is not None
        assert failure.type == "WorkerLostError"
        result = known(broker, job.id).result
        assert result is not None
        assert decode_failure(result).type == "WorkerLostError"

    def test_it_fails_too_when_the_whole_worker_is_lost(self, broker: Engine) -> None:
        child = a_child(broker, lease=RUN_OUT)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token], once=True)
        assert broker.rescue() == 1
        assert state_of(broker, job) is State.FAILED

    def test_it_does_not_run_again_when_its_worker_leaves(self, broker: Engine) -> None:
        worker = a_worker(broker)
        (job,) = claim_some(broker, 1, a_child(broker, worker))
        broker.begin([job.token], once=True)
        broker.leave(worker)
        assert state_of(broker, job) is State.FAILED
        assert broker.claim(["default"], 10, a_child(broker)) == []

    def test_before_its_body_starts_it_is_a_job_like_any_other(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token], once=True)
        broker.settle([an_outcome(job, State.WAITING)])
        second = a_child(broker)
        again = claim_one(broker, second)
        broker.rescue(second)
        assert state_of(broker, again) is State.WAITING


class VerdictSuite:
    """Jobs over which the master killed their child."""

    def verdict(self, job: Job, state: State = State.FAILED) -> Verdict:
        """Return the end of a job that ran past its time limit."""
        failure = Failure(type="TimeLimitExceeded", module="celeriac.exceptions", message="The job ran past its limit.")
        return Verdict(token=job.token, state=state, failure=failure)

    @pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
    def test_a_verdict_ends_its_job(self, broker: Engine, state: State) -> None:
        child = a_child(broker)
        condemned, neighbour = claim_some(broker, 2, child)
        broker.begin([condemned.token])
        assert broker.rescue(child, begun=[condemned.token], verdicts=[self.verdict(condemned, state)]) == 2
        assert [state_of(broker, condemned), state_of(broker, neighbour)] == [state, State.WAITING]
        assert charges_of(broker, neighbour) == 0
        assert ids(broker.claim(["default"], 10, a_child(broker))) == [neighbour.id]

    def test_its_reason_is_kept(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.rescue(child, verdicts=[self.verdict(job)])
        (attempt,) = broker.attempts(job.id)
        assert attempt.failure is not None
        assert (attempt.state, attempt.failure.type) == (State.FAILED, "TimeLimitExceeded")
        result = known(broker, job.id).result
        assert result is not None
        assert decode_failure(result).type == "TimeLimitExceeded"
        assert known(broker, job.id).finished is not None

    def test_a_verdict_goes_before_a_charge(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token], once=True)
        broker.rescue(child, begun=[job.token], verdicts=[self.verdict(job, State.CANCELLED)], limit=1)
        assert state_of(broker, job) is State.CANCELLED

    def test_a_verdict_on_a_job_that_ended_meanwhile_changes_nothing(self, broker: Engine) -> None:
        child = a_child(broker)
        ended, other = claim_some(broker, 2, child)
        broker.settle([an_outcome(ended)])
        assert broker.rescue(child, verdicts=[self.verdict(ended)]) == 1
        assert [state_of(broker, ended), state_of(broker, other)] == [State.SUCCEEDED, State.WAITING]
        assert broker.attempts(ended.id) == []


class ConsequencesSuite:
    """What follows a job that the broker fails by itself: it is pushed in the same operation, or not at all."""

    def told(
        self, broker: Engine, way: str, state: State = State.FAILED, times: int = 1
    ) -> tuple[Job, list[tuple[Job, Failure]]]:
        """End a begun job in one of the ways, with a follow-up; return the job and what was asked for."""
        worker = a_worker(broker, RUN_OUT if way == "lapse" else LONG)
        child = a_child(broker, worker)
        broker.push([a_job(f"parent-{way}", payload=b'[[1],{},{"errbacks":[]}]', headers={"lang": "de"})])
        job = claim_one(broker, child)
        asked: list[tuple[Job, Failure]] = []

        def consequences(record: Job, failure: Failure) -> list[Job]:
            asked.append((record, failure))
            return [a_job(f"{record.id}/after", queue="after")]

        for _ in range(times):
            if way == "verdict":
                verdict = Verdict(token=job.token, state=state, failure=a_failure("too long"))
                broker.rescue(child, verdicts=[verdict], consequences=consequences)
                continue
            broker.begin([job.token], once=True)
            if way == "leave":
                broker.leave(worker, consequences=consequences)
            else:
                broker.rescue(child if way == "death" else None, consequences=consequences)
        return job, asked

    @pytest.mark.parametrize("way", ["verdict", "death", "lapse", "leave"])
    def test_a_job_that_the_broker_fails_has_its_follow_ups_pushed(self, broker: Engine, way: str) -> None:
        job, asked = self.told(broker, way)
        assert state_of(broker, job) is State.FAILED
        [(record, failure)] = asked
        assert (record.id, record.payload, record.headers) == (job.id, job.payload, {"lang": "de"})
        assert failure.type == ("ValueError" if way == "verdict" else "WorkerLostError")
        assert ids(broker.claim(["after"], 10, a_child(broker))) == [f"{job.id}/after"]

    @pytest.mark.parametrize("way", ["verdict", "death", "lapse", "leave"])
    def test_a_rescue_repeated_pushes_nothing_more(self, broker: Engine, way: str) -> None:
        job, _ = self.told(broker, way, times=2)
        assert ids(broker.claim(["after"], 10, a_child(broker))) == [f"{job.id}/after"]

    def test_a_cancelled_job_has_no_consequences(self, broker: Engine) -> None:
        assert self.told(broker, "verdict", State.CANCELLED)[1] == []

    def test_a_parked_job_has_no_consequences(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.rescue(child, begun=[job.token], limit=1, consequences=lambda record, failure: [a_job(queue="after")])
        assert state_of(broker, job) is State.PARKED
        assert broker.claim(["after"], 10, a_child(broker)) == []

    def test_a_job_that_ended_meanwhile_has_no_consequences(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.settle([an_outcome(job)])
        verdict = Verdict(token=job.token, state=State.FAILED, failure=a_failure())
        broker.rescue(child, verdicts=[verdict], consequences=lambda record, failure: [a_job(queue="after")])
        assert state_of(broker, job) is State.SUCCEEDED
        assert broker.claim(["after"], 10, a_child(broker)) == []


class LeaseSuite:
    """Workers whose lease ran out, and those whose did not."""

    def test_the_jobs_of_a_worker_whose_lease_ran_out_wait_again(self, broker: Engine) -> None:
        worker = a_worker(broker, RUN_OUT)
        jobs = [*claim_some(broker, 2, a_child(broker, worker)), *claim_some(broker, 1, a_child(broker, worker))]
        assert broker.rescue() == 3
        assert {state_of(broker, job) for job in jobs} == {State.WAITING}
        assert {job.delivery for job in broker.claim(["default"], 10, a_child(broker))} == {2}

    def test_a_living_workers_jobs_stay(self, broker: Engine) -> None:
        child = a_child(broker, lease=LONG)
        jobs = claim_some(broker, 2, child)
        assert broker.rescue() == 0
        assert broker.held(child) == {job.token for job in jobs}
        assert broker.settle([an_outcome(job) for job in jobs]) == set()

    def test_a_renewed_lease_counts_from_now(self, broker: Engine) -> None:
        worker = a_worker(broker, RUN_OUT)
        child = a_child(broker, worker)
        (job,) = claim_some(broker, 1, child)
        assert broker.renew(worker, LONG) is True
        assert broker.rescue() == 0
        assert broker.held(child) == {job.token}

    def test_a_lease_can_run_out_after_a_renewal(self, broker: Engine) -> None:
        worker = a_worker(broker, LONG)
        claim_some(broker, 1, a_child(broker, worker))
        assert broker.renew(worker, RUN_OUT) is True
        assert broker.rescue() == 1
        assert broker.renew(worker, LONG) is False

    def test_begun_jobs_of_a_lost_worker_are_charged(self, broker: Engine) -> None:
        child = a_child(broker, lease=RUN_OUT)
        begun, prefetched = claim_some(broker, 2, child)
        broker.begin([begun.token])
        broker.rescue()
        assert (charges_of(broker, begun), charges_of(broker, prefetched)) == (1, 0)

    def test_a_lost_worker_without_jobs_is_dead_too(self, broker: Engine) -> None:
        worker = a_worker(broker, RUN_OUT)
        child = a_child(broker, worker)
        assert broker.rescue() == 0
        assert broker.renew(worker, LONG) is False
        with pytest.raises(ChildIsDead):
            broker.claim(["default"], 1, child)


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


class RescueSuite(ChildRescueSuite, AtMostOnceSuite, VerdictSuite, ConsequencesSuite, LeaseSuite, HandBackSuite):
    """Deaths, leases, hand-backs."""
