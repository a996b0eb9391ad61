"""Old ended jobs are forgotten: by one keeper at a time, by age and state, a batch at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.job import Job, State
from celeriac.engine.keeper import prune as pruning
from celeriac.engine.keeper.prune import EVERY, Prune
from celeriac.testing.clock import FakeClock
from celeriac.testing.conformance.scenario import QUEUE, a_child, an_outcome, some_jobs

AGES = {"succeeded": 100.0, "failed": 1000.0}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(wall=time.time())  # an outcome's times are of this clock


def ended(broker: MemoryBroker, number: int, state: State = State.SUCCEEDED) -> list[Job]:
    broker.push(some_jobs(number))
    jobs = broker.claim([QUEUE], number, a_child(broker))
    broker.settle([an_outcome(job, state) for job in jobs])
    return jobs


def prune_of(broker: MemoryBroker, clock: FakeClock, holder: str = "me", keep: Mapping[str, float] = AGES) -> Prune:
    return Prune(broker, holder, keep, clock)


def test_it_is_due_soon_after_the_start_and_then_once_a_period(broker: MemoryBroker, clock: FakeClock) -> None:
    prune = prune_of(broker, clock)
    assert not prune.due()
    clock.advance(EVERY / 4)
    assert prune.due()
    prune.prune()
    assert not prune.due()
    clock.advance(EVERY - 1)
    assert not prune.due()
    clock.advance(1)
    assert prune.due()


def test_where_everything_is_kept_for_ever_no_job_goes(broker: MemoryBroker, clock: FakeClock) -> None:
    jobs = [ended(broker, 1, state)[0] for state in (State.SUCCEEDED, State.FAILED)]
    prune = prune_of(broker, clock, keep={})
    clock.advance(1e6)
    assert prune.due(), "workers long gone are forgotten all the same"
    assert prune.prune() == 0
    assert all(broker.get(job.id) for job in jobs)


def test_what_is_too_old_for_its_state_goes_and_the_rest_stays(broker: MemoryBroker, clock: FakeClock) -> None:
    good, bad, parked = ended(broker, 1)[0], ended(broker, 1, State.FAILED)[0], ended(broker, 1, State.PARKED)[0]
    [waiting] = some_jobs(1)
    broker.push([waiting])
    clock.advance(99)
    assert prune_of(broker, clock).prune() == 0
    clock.advance(3)
    assert prune_of(broker, clock).prune() == 1
    assert [broker.get(job.id) is None for job in (good, bad, parked, waiting)] == [True, False, False, False]
    clock.advance(1000)
    assert prune_of(broker, clock).prune() == 1
    assert [broker.get(job.id) is None for job in (good, bad, parked, waiting)] == [True, True, False, False]


def test_only_the_keeper_that_leads_prunes(broker: MemoryBroker, clock: FakeClock) -> None:
    ended(broker, 2)
    clock.advance(200)
    assert broker.leader("prune").acquire("another", 2 * EVERY)
    prune = prune_of(broker, clock)
    assert prune.prune() == 0
    assert not prune.due(), "it asks again in a period, not at once"
    clock.advance(2 * EVERY + 1)
    assert prune.prune() == 2


def test_who_leads_goes_on_leading(broker: MemoryBroker, clock: FakeClock) -> None:
    mine, theirs = prune_of(broker, clock), prune_of(broker, clock, "another")
    for _ in range(5):
        mine.prune()
        ended(broker, 1)
        clock.advance(EVERY)
        assert theirs.prune() == 0


def test_many_are_deleted_in_small_batches_and_the_rest_next_time(
    broker: MemoryBroker, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 10)
    monkeypatch.setattr(pruning, "BATCHES", 3)
    batches: list[int] = []
    inner = broker.prune
    monkeypatch.setattr(broker, "prune", lambda ages, limit: batches.append(limit) or inner(ages, limit))
    ended(broker, 45)
    clock.advance(200)
    prune = prune_of(broker, clock)
    assert [prune.prune(), prune.prune()] == [30, 15]
    assert batches == [10] * 5
