"""Settling and claiming in one operation, for brokers that offer it: the same as one after the other."""

from __future__ import annotations

from typing import Protocol

import pytest

from celeriac.engine.brokers.base import Exchanging
from celeriac.engine.errors import ChildIsDead
from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import (
    QUEUE,
    Engine,
    a_child,
    a_failure,
    an_outcome,
    claim_one,
    claim_some,
    ids,
    known,
    some_jobs,
    state_of,
)


class ExchangingEngine(Engine, Exchanging, Protocol):
    """A broker and store that settles and claims in one operation."""


class ExchangeSuite:
    """Settling and claiming at once."""

    def test_what_ended_is_settled_and_what_waits_is_claimed(self, broker: ExchangingEngine) -> None:
        child = a_child(broker)
        ended = claim_some(broker, 3, child)
        broker.push(waiting := some_jobs(3))
        refused, jobs = broker.exchange([an_outcome(job, result=b"1") for job in ended], [QUEUE], 2, child)
        assert (refused, ids(jobs)) == (set(), ids(waiting[:2]))
        assert [known(broker, job.id).result for job in ended] == [b"1"] * 3
        assert broker.held(child) == {job.token for job in jobs}
        assert state_of(broker, waiting[2]) is State.WAITING

    def test_each_half_may_be_empty(self, broker: ExchangingEngine) -> None:
        child = a_child(broker)
        assert broker.exchange([], [QUEUE], 5, child) == (set(), [])
        [ended] = claim_some(broker, 1, child)
        assert broker.exchange([an_outcome(ended)], [QUEUE], 5, child) == (set(), [])
        broker.push(waiting := some_jobs(2))
        refused, jobs = broker.exchange([], [QUEUE], 5, child)
        assert (refused, ids(jobs)) == (set(), ids(waiting))

    def test_a_job_that_is_handed_back_may_be_claimed_by_the_same_exchange(self, broker: ExchangingEngine) -> None:
        child = a_child(broker)
        [job] = claim_some(broker, 1, child)
        refused, jobs = broker.exchange([an_outcome(job, State.WAITING)], [QUEUE], 5, child)
        assert (refused, ids(jobs)) == (set(), [job.id])
        assert (jobs[0].delivery, jobs[0].attempts) == (2, 1)
        assert broker.counts() == {QUEUE: {State.RUNNING: 1}}

    def test_a_lost_claim_is_refused_and_the_others_are_settled(self, broker: ExchangingEngine) -> None:
        child = a_child(broker)
        lost, kept = claim_some(broker, 2, child)
        broker.release([lost.token])
        again = claim_one(broker, a_child(broker))
        refused, jobs = broker.exchange([an_outcome(lost, State.FAILED), an_outcome(kept)], [QUEUE], 5, child)
        assert (refused, jobs) == ({lost.token}, [])
        assert (state_of(broker, again), state_of(broker, kept)) == (State.RUNNING, State.SUCCEEDED)

    def test_a_dead_child_settles_nothing_and_claims_nothing(self, broker: ExchangingEngine) -> None:
        child = a_child(broker)
        [job] = claim_some(broker, 1, child)
        broker.rescue(child)
        with pytest.raises(ChildIsDead):
            broker.exchange([an_outcome(job)], [QUEUE], 5, child)
        assert state_of(broker, job) is State.WAITING

    def test_follow_ups_wait_and_failures_are_remembered(self, broker: ExchangingEngine) -> None:
        child = a_child(broker)
        first, second = claim_some(broker, 2, child)
        follow_up = some_jobs(1)[0]
        outcomes = [
            an_outcome(first, follow_ups=(follow_up,)),
            an_outcome(second, State.FAILED, failure=a_failure("no thread"), log="a line"),
        ]
        _, jobs = broker.exchange(outcomes, [QUEUE], 5, child)
        assert ids(jobs) == [follow_up.id]
        [attempt] = broker.attempts(second.id)
        assert (attempt.failure and attempt.failure.message, attempt.log) == ("no thread", "a line")

    def test_a_state_no_attempt_ends_in_changes_nothing(self, broker: ExchangingEngine) -> None:
        child = a_child(broker)
        [job] = claim_some(broker, 1, child)
        broker.push(some_jobs(1))
        with pytest.raises(ValueError, match="running"):
            broker.exchange([an_outcome(job, State.RUNNING)], [QUEUE], 5, child)
        assert broker.counts() == {QUEUE: {State.RUNNING: 1, State.WAITING: 1}}
