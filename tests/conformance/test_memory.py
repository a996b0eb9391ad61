"""The in-memory broker keeps every promise of the suites."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.clock import SystemClock
from celeriac.testing.conformance import (
    BrokerSuite,
    ControlSuite,
    FencingSuite,
    LeaderSuite,
    NotifierSuite,
    RateSuite,
    RescueSuite,
    StoreSuite,
)
from celeriac.testing.conformance.machine import MachineSuite


@pytest.fixture
def broker() -> Iterator[MemoryBroker]:
    broker = MemoryBroker(SystemClock())
    yield broker
    broker.close()


@pytest.fixture
def make_broker(broker: MemoryBroker) -> Callable[[], MemoryBroker]:
    return broker.clone


class TestBroker(BrokerSuite):
    pass


class TestFencing(FencingSuite):
    pass


class TestRescue(RescueSuite):
    pass


class TestStore(StoreSuite):
    pass


class TestControl(ControlSuite):
    pass


class TestNotifier(NotifierSuite):
    pass


class TestRates(RateSuite):
    pass


class TestMachine(MachineSuite):
    pass


class TestLeader(LeaderSuite):
    pass
