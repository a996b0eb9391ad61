"""The in-memory broker keeps every promise of the suites."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.clock import SystemClock
from celeriac.testing.conformance import EngineSuite
from celeriac.testing.conformance.machine import MachineSuite


@pytest.fixture
def make_broker() -> Callable[[], MemoryBroker]:
    return MemoryBroker(SystemClock()).clone


class TestEngine(EngineSuite):
    pass


class TestMachine(MachineSuite):
    pass
