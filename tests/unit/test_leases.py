"""When a keeper may take other workers' leases at their word."""

from __future__ import annotations

import pytest

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.keeper.leases import Leases
from celeriac.testing.clock import FakeClock

LEASE, EVERY = 15.0, 5.0


class Fragile(MemoryBroker):
    """A broker that does not answer while it is ``away``."""

    away = False

    def renew(self, worker: str, lease: float) -> bool:
        if self.away:
            raise BrokerUnavailable("out")
        return super().renew(worker, lease)


@pytest.fixture
def broker(clock: FakeClock) -> Fragile:
    broker = Fragile(clock)
    broker.join(WorkerInfo(id="w", name="w@h", host="h", pid=1, pool="solo", concurrency=1, queues=["q"]), LEASE)
    return broker


@pytest.fixture
def leases(broker: Fragile, clock: FakeClock) -> Leases:
    return Leases(broker, "w", LEASE, EVERY, clock)


def steady(leases: Leases, clock: FakeClock, renewals: int) -> list[bool]:
    """Renew so often, a period apart; return each time whether others may be judged."""
    judged = []
    for _ in range(renewals):
        assert leases.renew()
        judged.append(leases.may_judge())
        clock.advance(EVERY)
    return judged


def test_the_first_renewal_is_due_at_once_and_the_next_after_its_period(leases: Leases, clock: FakeClock) -> None:
    assert leases.due_in() == 0
    leases.renew()
    assert leases.due_in() == EVERY
    clock.advance(2)
    assert leases.due_in() == EVERY - 2


def test_nobody_is_judged_before_the_first_renewal(leases: Leases, clock: FakeClock) -> None:
    clock.advance(1000)
    assert not leases.may_judge()


def test_others_are_judged_after_one_whole_lease_of_renewals_and_not_before(leases: Leases, clock: FakeClock) -> None:
    assert steady(leases, clock, 5) == [False, False, False, True, True]


def test_time_alone_does_not_count_as_a_lease_of_renewals(leases: Leases, clock: FakeClock) -> None:
    leases.renew()
    clock.advance(LEASE)
    assert not leases.may_judge()


def test_an_outage_begins_the_wait_anew(leases: Leases, clock: FakeClock, broker: Fragile) -> None:
    assert steady(leases, clock, 5)[-1]
    broker.away = True
    with pytest.raises(BrokerUnavailable):
        leases.renew()
    assert not leases.may_judge()
    clock.advance(1)
    broker.away = False
    assert steady(leases, clock, 5) == [False, False, False, True, True]


def test_a_renewal_that_failed_is_due_at_once(leases: Leases, clock: FakeClock, broker: Fragile) -> None:
    steady(leases, clock, 1)
    broker.away = True
    with pytest.raises(BrokerUnavailable):
        leases.renew()
    assert leases.due_in() <= 0


def test_a_gap_without_renewals_begins_the_wait_anew(leases: Leases, clock: FakeClock) -> None:
    assert steady(leases, clock, 5)[-1]
    clock.advance(EVERY + 0.1)  # after the last advance: over two periods in all
    assert not leases.may_judge(), "this process itself was stopped, or starved"
    assert steady(leases, clock, 4) == [False, False, False, True]


def test_one_renewal_that_is_late_by_less_than_a_period_is_no_gap(leases: Leases, clock: FakeClock) -> None:
    assert steady(leases, clock, 5)[-1]
    clock.advance(EVERY - 0.1)
    assert leases.may_judge()
    assert steady(leases, clock, 1) == [True]


def test_a_step_of_the_wall_clock_means_nothing(leases: Leases, clock: FakeClock) -> None:
    leases.renew()
    clock.set_wall(clock.wall() + 1e6)
    assert (leases.due_in(), leases.may_judge()) == (EVERY, False)


def test_a_worker_that_was_declared_dead_is_told_so(leases: Leases, clock: FakeClock, broker: Fragile) -> None:
    assert leases.renew()
    clock.advance(LEASE + 1)
    broker.rescue()
    assert not leases.renew()
