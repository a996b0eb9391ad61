"""Whoever lost a claim changes nothing (invariants 4 and 5)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from celeriac.engine.errors import ChildIsDead, LeaseLost
from celeriac.engine.job import Job, State, Token
from celeriac.testing.conformance.scenario import (
    PATIENCE,
    RUN_OUT,
    Engine,
    MakeEngine,
    a_child,
    a_failure,
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

Loss = Callable[[Engine, Job], None]


def by_release(broker: Engine, job: Job) -> None:
    """The job was handed back."""
    assert broker.release([job.token]) == 1


def by_rescue(broker: Engine, job: Job) -> None:
    """The child was declared dead."""
    assert broker.rescue(job.child) == 1


def by_requeue(broker: Engine, job: Job) -> None:
    """The attempt had handed the job back already."""
    assert broker.settle([an_outcome(job, State.WAITING)]) == set()


def by_release_and_new_claim(broker: Engine, job: Job) -> None:
    """The same child holds the job again, by a later delivery."""
    by_release(broker, job)
    assert claim_one(broker, job.child).token != job.token


def by_rescue_and_new_claim(broker: Engine, job: Job) -> None:
    """Another child runs the job now."""
    by_rescue(broker, job)
    claim_one(broker, a_child(broker))


def by_success(broker: Engine, job: Job) -> None:
    """The job has ended."""
    assert broker.settle([an_outcome(job)]) == set()


LOSSES = [by_release, by_rescue, by_requeue, by_release_and_new_claim, by_rescue_and_new_claim, by_success]
every_loss = pytest.mark.parametrize("lose", LOSSES, ids=[loss.__name__ for loss in LOSSES])


class StaleTokenSuite:
    """A token whose claim is lost, in each way a claim can be lost."""

    @pytest.fixture
    def job(self, broker: Engine) -> Job:
        """Return a job that a child has claimed."""
        broker.push([a_job()])
        return claim_one(broker, a_child(broker))

    @every_loss
    def test_a_stale_token_settles_nothing(self, broker: Engine, job: Job, lose: Loss) -> None:
        lose(broker, job)
        before, kept = known(broker, job.id), broker.attempts(job.id)
        stale = an_outcome(job, State.FAILED, result=b'"stale"', failure=a_failure(), log="stale", worker="stale")
        assert broker.settle([stale]) == {job.token}
        assert known(broker, job.id) == before
        assert broker.attempts(job.id) == kept

    @every_loss
    @pytest.mark.parametrize("state", [State.SCHEDULED, State.WAITING, State.PARKED])
    def test_a_stale_token_sends_nothing_back(self, broker: Engine, job: Job, lose: Loss, state: State) -> None:
        lose(broker, job)
        before = known(broker, job.id)
        stale = an_outcome(job, state, run_at=4e9 if state is State.SCHEDULED else None, payload=b"stale", queue="stale")
        assert broker.settle([stale]) == {job.token}
        assert known(broker, job.id) == before

    @every_loss
    def test_a_stale_token_pushes_no_follow_ups(self, broker: Engine, job: Job, lose: Loss) -> None:
        lose(broker, job)
        follow_up = a_job(queue="next")
        assert broker.settle([an_outcome(job, follow_ups=(follow_up,))]) == {job.token}
        assert broker.get(follow_up.id) is None
        assert broker.claim(["next"], 10, a_child(broker)) == []

    @every_loss
    def test_a_stale_token_does_not_begin(self, broker: Engine, job: Job, lose: Loss) -> None:
        lose(broker, job)
        before = known(broker, job.id)
        assert broker.begin([job.token]) == set()
        assert broker.begin([job.token], once=True) == set()
        assert known(broker, job.id) == before

    @every_loss
    def test_a_stale_token_releases_nothing(self, broker: Engine, job: Job, lose: Loss) -> None:
        lose(broker, job)
        before = known(broker, job.id)
        assert broker.release([job.token]) == 0
        assert known(broker, job.id) == before

    @every_loss
    def test_a_stale_token_reports_no_progress(self, broker: Engine, job: Job, lose: Loss) -> None:
        lose(broker, job)
        assert broker.report(job.token, {"done": 99}) is False
        assert known(broker, job.id).progress is None

    @every_loss
    def test_a_stale_token_is_not_held(self, broker: Engine, job: Job, lose: Loss) -> None:
        lose(broker, job)
        assert job.token not in broker.held(job.child)

    @every_loss
    def test_a_stale_token_in_begun_charges_nobody(self, broker: Engine, job: Job, lose: Loss) -> None:
        lose(broker, job)
        child = a_child(broker)
        broker.push([a_job(queue="mine")])
        mine = claim_one(broker, child, "mine")
        broker.rescue(child, begun=[job.token], limit=1)
        assert known(broker, job.id).charges == 0
        assert (state_of(broker, mine), known(broker, mine.id).charges) == (State.WAITING, 0)

    def test_the_newer_claim_settles_in_spite_of_the_older(self, broker: Engine, job: Job) -> None:
        broker.rescue(job.child)
        newer = claim_one(broker, a_child(broker))
        assert broker.settle([an_outcome(job, State.FAILED)]) == {job.token}
        assert broker.settle([an_outcome(newer, result=b"1")]) == set()
        assert (state_of(broker, job), known(broker, job.id).result) == (State.SUCCEEDED, b"1")

    def test_both_claims_of_a_job_in_one_batch_settle_by_the_newer(self, broker: Engine, job: Job) -> None:
        broker.release([job.token])
        newer = claim_one(broker, job.child)
        lost, kept = a_job(queue="next"), a_job(queue="next")
        stale = an_outcome(job, State.FAILED, failure=a_failure("stale"), follow_ups=(lost,))
        assert broker.settle([stale, an_outcome(newer, result=b"1", follow_ups=(kept,))]) == {job.token}
        assert (state_of(broker, job), known(broker, job.id).result) == (State.SUCCEEDED, b"1")
        assert broker.attempts(job.id) == []
        assert ids(broker.claim(["next"], 10, a_child(broker))) == [kept.id]


class ForeignTokenSuite:
    """A token that never was."""

    @pytest.fixture
    def job(self, broker: Engine) -> Job:
        """Return a job that a child has claimed."""
        broker.push([a_job()])
        return claim_one(broker, a_child(broker))

    def strange_tokens(self, broker: Engine, job: Job) -> list[Token]:
        """Return tokens that differ from the job's in one part each."""
        number, child, delivery = job.token
        other = a_child(broker)
        return [Token(number, other, delivery), Token(number, child, delivery + 1), Token(number, child, delivery - 1),
                Token(number + 1_000_000, child, delivery), Token(number, "", delivery)]  # fmt: skip

    def test_another_token_settles_nothing(self, broker: Engine, job: Job) -> None:
        for token in self.strange_tokens(broker, job):
            outcome = an_outcome(job)
            outcome.token = token
            assert broker.settle([outcome]) == {token}
        assert state_of(broker, job) is State.RUNNING
        assert broker.held(job.child) == {job.token}

    def test_another_token_begins_releases_and_reports_nothing(self, broker: Engine, job: Job) -> None:
        tokens = self.strange_tokens(broker, job)
        assert broker.begin(tokens) == set()
        assert broker.release(tokens) == 0
        assert broker.held(job.child) == {job.token}
        assert not any(broker.report(token, {"done": 1}) for token in tokens)
        assert known(broker, job.id).progress is None

    def test_another_child_cannot_settle_the_claim(self, broker: Engine, job: Job) -> None:
        thief = Token(job.number, a_child(broker), job.delivery)
        outcome = an_outcome(job)
        outcome.token = thief
        assert broker.settle([outcome, an_outcome(job)]) == {thief}
        assert state_of(broker, job) is State.SUCCEEDED


class BatchSuite:
    """A batch in which some tokens are refused."""

    def test_one_refused_outcome_does_not_keep_out_the_others(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(5))
        jobs = broker.claim(["default"], 5, child)
        broker.settle([an_outcome(jobs[2])])
        follow_up = a_job(queue="next")
        outcomes = [an_outcome(job, State.FAILED, failure=a_failure(), follow_ups=(follow_up,)) for job in jobs]
        assert broker.settle(outcomes) == {jobs[2].token}
        expected = [State.FAILED, State.FAILED, State.SUCCEEDED, State.FAILED, State.FAILED]
        assert [state_of(broker, job) for job in jobs] == expected
        assert [len(broker.attempts(job.id)) for job in jobs] == [1, 1, 0, 1, 1]
        assert ids(broker.claim(["next"], 10, child)) == [follow_up.id]

    def test_begin_returns_only_what_is_still_held(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(3))
        jobs = broker.claim(["default"], 3, child)
        broker.settle([an_outcome(jobs[1])])
        assert broker.begin([job.token for job in jobs]) == {jobs[0].token, jobs[2].token}
        assert broker.begin([]) == set()

    def test_a_repeat_of_a_settled_batch_changes_nothing(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(3))
        follow_up = a_job(queue="next")
        outcomes = [
            an_outcome(job, State.FAILED, failure=a_failure(), follow_ups=(follow_up,))
            for job in broker.claim(["default"], 3, child)
        ]
        assert broker.settle(outcomes) == set()
        step = claim_one(broker, child, "next")
        broker.settle([an_outcome(step)])
        assert broker.settle(outcomes) == {outcome.token for outcome in outcomes}
        assert broker.claim(["next", "default"], 10, child) == []
        assert state_of(broker, step) is State.SUCCEEDED

    def test_two_threads_that_settle_the_same_claim_settle_it_once(self, broker: Engine, make_broker: MakeEngine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(30))
        jobs = broker.claim(["default"], 30, child)
        gate = threading.Barrier(2)

        def settle(mark: str) -> list[set[Token]]:
            refused = []
            with another(make_broker) as connection:
                for job in jobs:
                    gate.wait(30)
                    steps = (a_job(f"{mark}-{job.id}", queue="next"),)
                    outcome = an_outcome(job, State.FAILED, failure=a_failure(mark), follow_ups=steps)
                    refused.append(connection.settle([outcome]))
            return refused

        one, two = (actor.finish() for actor in [start(lambda: settle("one")), start(lambda: settle("two"))])
        assert [a | b for a, b in zip(one, two, strict=True)] == [{job.token} for job in jobs]
        assert [len(a) + len(b) for a, b in zip(one, two, strict=True)] == [1] * 30
        assert [len(broker.attempts(job.id)) for job in jobs] == [1] * 30
        assert len(broker.claim(["next"], 100, child)) == 30


class DeathSuite:
    """What the dead cannot do."""

    def test_a_dead_child_cannot_claim(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        broker.rescue(child)
        with pytest.raises(ChildIsDead):
            broker.claim(["default"], 10, child)
        assert broker.held(child) == set()
        claim_one(broker, a_child(broker))

    def test_a_dead_child_learns_it_from_an_empty_queue_too(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.rescue(child)
        with pytest.raises(ChildIsDead):
            broker.claim(["default"], 10, child)

    def test_the_death_of_a_child_leaves_its_worker_alive(self, broker: Engine) -> None:
        worker = a_worker(broker)
        child, sibling = a_child(broker, worker), a_child(broker, worker)
        broker.push(some_jobs(3))
        claim_one(broker, child)
        held = claim_one(broker, sibling)
        broker.rescue(child)
        assert broker.renew(worker, 60) is True
        assert broker.held(sibling) == {held.token}
        claim_one(broker, sibling)
        claim_one(broker, a_child(broker, worker))

    def test_a_dead_worker_is_not_renewed_and_its_children_cannot_claim(self, broker: Engine) -> None:
        worker = a_worker(broker, RUN_OUT)
        child = a_child(broker, worker)
        broker.push([a_job()])
        broker.rescue()
        assert broker.renew(worker, 60) is False
        with pytest.raises(ChildIsDead):
            broker.claim(["default"], 10, child)
        with pytest.raises(LeaseLost):
            broker.enrol(worker, "late-child")

    def test_a_worker_that_left_is_not_renewed_and_its_children_cannot_claim(self, broker: Engine) -> None:
        worker = a_worker(broker)
        child = a_child(broker, worker)
        broker.push([a_job()])
        broker.leave(worker)
        assert broker.renew(worker, 60) is False
        with pytest.raises(ChildIsDead):
            broker.claim(["default"], 10, child)
        with pytest.raises(LeaseLost):
            broker.enrol(worker, "late-child")

    def test_a_worker_nobody_knows_is_not_renewed(self, broker: Engine) -> None:
        assert broker.renew("no-such-worker", 60) is False

    def test_a_claim_in_flight_during_a_rescue_gets_nothing(self, broker: Engine, make_broker: MakeEngine) -> None:
        for _ in range(8):
            child = a_child(broker)
            broker.push(some_jobs(60))
            claimed = threading.Event()
            hammer = start(lambda child=child, claimed=claimed: self.claim_until_dead(make_broker, child, claimed))  # type: ignore[misc]  # a lambda with defaults
            assert claimed.wait(30)
            broker.rescue(child)
            assert broker.held(child) == set()
            hammer.finish()
            assert broker.held(child) == set()
            counted = broker.counts().get("default", {})
            assert counted.get(State.RUNNING, 0) == 0

    def claim_until_dead(self, make_broker: MakeEngine, child: str, claimed: threading.Event) -> None:
        """Claim one job after the other, until the broker says that the child is dead."""
        with another(make_broker) as connection:
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                try:
                    connection.claim(["default"], 2, child)
                except ChildIsDead:
                    return
                claimed.set()
            pytest.fail("the dead child was never told")

    def test_a_settle_racing_with_a_rescue_counts_once(self, broker: Engine, make_broker: MakeEngine) -> None:
        for _ in range(8):
            child = a_child(broker)
            broker.push(some_jobs(20))
            jobs = broker.claim(["default"], 20, child)
            gate = threading.Barrier(2)

            def settle(jobs: list[Job] = jobs, gate: threading.Barrier = gate) -> set[Token]:
                refused: set[Token] = set()
                with another(make_broker) as connection:
                    gate.wait(30)
                    for job in jobs:
                        refused |= connection.settle([an_outcome(job)])
                return refused

            settler = start(settle)
            gate.wait(30)
            rescued = broker.rescue(child)
            refused = settler.finish()
            assert len(refused) == rescued
            states = {job.token: state_of(broker, job) for job in jobs}
            assert {token for token, state in states.items() if state is State.WAITING} == refused
            assert {token for token, state in states.items() if state is State.SUCCEEDED} == set(states) - refused
            cleaner = a_child(broker)
            broker.settle([an_outcome(job) for job in broker.claim(["default"], 20, cleaner)])


class FencingSuite(StaleTokenSuite, ForeignTokenSuite, BatchSuite, DeathSuite):
    """Tokens, and the incarnations of children that they name."""
