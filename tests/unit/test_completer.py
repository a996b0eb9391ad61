"""Outcomes on their way: none is lost while the broker is away, and a bad one harms its own job only."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import msgspec
import pytest

from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.codec import decode_failure
from celeriac.engine.errors import BrokerUnavailable, ChildIsDead
from celeriac.engine.job import Job, State, Token
from celeriac.engine.outcome import Outcome
from celeriac.engine.worker.completer import Completer
from celeriac.testing.clock import FakeClock
from celeriac.testing.conformance.scenario import QUEUE, a_child, an_outcome, some_jobs, state_of

BAD = b"\x00 what the store refuses"


class Moody(MemoryBroker):
    """A broker that is away when told so, and refuses every batch with something bad in it."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.away = self.away_after_bad = False
        self.batches: list[int] = []
        self.settled: list[Token] = []

    def settle(self, outcomes: Sequence[Outcome]) -> set[Token]:
        if self.away:
            raise BrokerUnavailable("gone for lunch")
        self.batches.append(len(outcomes))
        if any(outcome.result == BAD for outcome in outcomes):
            self.away = self.away_after_bad and len(outcomes) == 1
            raise ValueError("no NUL, please")
        self.settled += [outcome.token for outcome in outcomes]
        return super().settle(outcomes)


@pytest.fixture
def broker(clock: FakeClock) -> Moody:
    return Moody(clock)


@pytest.fixture
def completer() -> Completer:
    return Completer()


def claimed(broker: MemoryBroker, number: int) -> list[Job]:
    broker.push(some_jobs(number))
    return broker.claim([QUEUE], number, a_child(broker))


def test_what_was_collected_is_settled_in_one_batch_and_in_order(broker: Moody, completer: Completer) -> None:
    jobs = claimed(broker, 3)
    for job in jobs:
        completer.add(an_outcome(job))
    assert (len(completer), completer.settle(broker), len(completer)) == (3, 3, 0)
    assert broker.batches == [3]
    assert {state_of(broker, job) for job in jobs} == {State.SUCCEEDED}


def test_with_nothing_collected_the_broker_is_left_alone(broker: Moody, completer: Completer) -> None:
    broker.away = True
    assert completer.settle(broker) == 0


def test_while_the_broker_is_away_outcomes_are_kept_and_settled_once_it_is_back(broker: Moody, completer: Completer) -> None:
    jobs = claimed(broker, 3)
    completer.add(an_outcome(jobs[0]))
    completer.add(an_outcome(jobs[1]))
    broker.away = True
    for _ in range(3):
        with pytest.raises(BrokerUnavailable):
            completer.settle(broker)
    completer.add(an_outcome(jobs[2], State.FAILED))
    assert len(completer) == 3
    broker.away = False
    assert completer.settle(broker) == 3
    assert broker.settled == [job.token for job in jobs], "in the order in which they ended"
    assert [state_of(broker, job) for job in jobs] == [State.SUCCEEDED, State.SUCCEEDED, State.FAILED]
    assert completer.settle(broker) == 0


def test_an_outcome_the_store_refuses_fails_its_own_job_and_no_other(broker: Moody, completer: Completer) -> None:
    first, bad, last = claimed(broker, 3)
    for job in (first, bad, last):
        completer.add(an_outcome(job, result=BAD if job is bad else b"1"))
    assert completer.settle(broker) == 3
    assert [state_of(broker, job) for job in (first, bad, last)] == [State.SUCCEEDED, State.FAILED, State.SUCCEEDED]
    record = broker.get(bad.id)
    assert record is not None
    assert decode_failure(record.result or b"").message == "The store refused this job's outcome."
    assert len(completer) == 0


def test_a_broker_that_goes_away_amid_a_bad_batch_costs_nothing(broker: Moody, completer: Completer) -> None:
    first, bad, last = claimed(broker, 3)
    broker.away_after_bad = True
    for job in (first, bad, last):
        completer.add(an_outcome(job, result=BAD if job is bad else b"1"))
    with pytest.raises(BrokerUnavailable):
        completer.settle(broker)
    assert len(completer) == 3
    broker.away = broker.away_after_bad = False
    assert completer.settle(broker) == 3
    assert [state_of(broker, job) for job in (first, bad, last)] == [State.SUCCEEDED, State.FAILED, State.SUCCEEDED]


def test_a_claim_that_was_lost_is_said_in_the_log_and_changes_nothing(
    broker: Moody, completer: Completer, caplog: pytest.LogCaptureFixture
) -> None:
    [job] = claimed(broker, 1)
    completer.add(an_outcome(msgspec.structs.replace(job, delivery=job.delivery + 1)))
    with caplog.at_level(logging.WARNING, "celeriac.worker"):
        assert completer.settle(broker) == 1
    assert f"stale_ack: the claim of job {job.number} (delivery 2) was lost" in caplog.text
    assert state_of(broker, job) is State.RUNNING


def test_an_outcome_that_was_written_with_its_body_is_not_settled_again(broker: Moody, completer: Completer) -> None:
    [job] = claimed(broker, 1)
    completer.add(an_outcome(job, settled=True))
    assert (len(completer), completer.settle(broker), broker.batches) == (0, 0, [])


def test_everybody_who_adds_pokes(broker: Moody) -> None:
    pokes: list[int] = []
    completer = Completer(lambda: pokes.append(1))
    one, two = claimed(broker, 2)
    completer.add(an_outcome(one))
    completer.add(an_outcome(two, settled=True))
    assert len(pokes) == 2


def test_its_age_is_that_of_the_oldest_outcome(broker: Moody, completer: Completer) -> None:
    old, new = claimed(broker, 2)
    assert completer.age() == 0
    completer.add(an_outcome(old, finished=time.time() - 100))
    completer.add(an_outcome(new))
    assert 99 < completer.age() < 200
    completer.settle(broker)
    assert completer.age() == 0


def test_nobody_settles_in_a_quiet_moment_and_it_says_whether_anything_is_left(broker: Moody, completer: Completer) -> None:
    [job] = claimed(broker, 1)
    with completer.quiet() as settled:
        assert settled
    completer.add(an_outcome(job))
    with completer.quiet() as settled:
        assert not settled
        assert not completer._lock.acquire(blocking=False)
    assert completer.settle(broker) == 1


# -- settling and claiming at once ---------------------------------------------------------------------------------------------


class Exchanging(Moody):
    """One that settles and claims in one operation, and lets the test see into it."""

    def exchange(
        self, outcomes: Sequence[Outcome], queues: Sequence[str], limit: int, child: str
    ) -> tuple[set[Token], list[Job]]:
        return self.settle(outcomes), self.claim(queues, limit, child)


@pytest.fixture
def exchanging(clock: FakeClock) -> Exchanging:
    return Exchanging(clock)


def test_an_exchange_settles_what_was_collected_and_returns_new_jobs(exchanging: Exchanging, completer: Completer) -> None:
    first, second = claimed(exchanging, 2)
    exchanging.push(waiting := some_jobs(1))
    completer.add(an_outcome(first))
    completer.add(an_outcome(second))
    jobs = completer.exchange(exchanging, [QUEUE], 5, first.child)
    assert ([job.id for job in jobs], len(completer), exchanging.batches) == ([waiting[0].id], 0, [2])


def test_an_exchange_that_the_broker_cannot_answer_keeps_the_outcomes(exchanging: Exchanging, completer: Completer) -> None:
    [job] = claimed(exchanging, 1)
    completer.add(an_outcome(job))
    exchanging.away = True
    with pytest.raises(BrokerUnavailable):
        completer.exchange(exchanging, [QUEUE], 5, job.child)
    assert len(completer) == 1
    exchanging.away = False
    assert completer.settle(exchanging) == 1
    assert state_of(exchanging, job) is State.SUCCEEDED


def test_a_bad_outcome_of_an_exchange_fails_its_own_job_and_nothing_is_claimed(
    exchanging: Exchanging, completer: Completer
) -> None:
    good, bad = claimed(exchanging, 2)
    exchanging.push(waiting := some_jobs(1))
    completer.add(an_outcome(good))
    completer.add(an_outcome(bad, result=BAD))
    assert not completer.exchange(exchanging, [QUEUE], 5, good.child)
    states = [state_of(exchanging, job) for job in (good, bad, waiting[0])]
    assert states == [State.SUCCEEDED, State.FAILED, State.WAITING]


def test_a_claim_lost_before_an_exchange_is_said_in_the_log(
    exchanging: Exchanging, completer: Completer, caplog: pytest.LogCaptureFixture
) -> None:
    [job] = claimed(exchanging, 1)
    completer.add(an_outcome(msgspec.structs.replace(job, delivery=job.delivery + 1)))
    with caplog.at_level(logging.WARNING, "celeriac.worker"):
        completer.exchange(exchanging, [QUEUE], 5, job.child)
    assert f"stale_ack: the claim of job {job.number} (delivery 2) was lost" in caplog.text


def test_a_child_that_was_declared_dead_learns_it_from_its_exchange(exchanging: Exchanging, completer: Completer) -> None:
    [job] = claimed(exchanging, 1)
    completer.add(an_outcome(job))
    exchanging.rescue(job.child)
    with pytest.raises(ChildIsDead):
        completer.exchange(exchanging, [QUEUE], 5, job.child)
    assert state_of(exchanging, job) is State.WAITING
