"""The SQL engine on SQLite keeps every promise of the suites."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.testing.conformance import (
    BrokerSuite,
    ControlSuite,
    FencingSuite,
    LeaderSuite,
    NotifierSuite,
    RateSuite,
    RescueSuite,
    ResultSuite,
    StoreSuite,
)
from celeriac.testing.conformance.machine import MachineSuite
from tests.conformance.conftest import empty, opened


@pytest.fixture
def broker(sqlite_alias: str) -> Iterator[SQLBroker]:
    empty(sqlite_alias)
    broker = opened(sqlite_alias)
    yield broker
    broker.close()


@pytest.fixture
def make_broker(sqlite_alias: str) -> Callable[[], SQLBroker]:
    return lambda: opened(sqlite_alias)


class TestBroker(BrokerSuite):
    pass


class TestFencing(FencingSuite):
    pass


class TestRescue(RescueSuite):
    pass


class TestStore(StoreSuite):
    pass


class TestResults(ResultSuite):
    pass


class TestControl(ControlSuite):
    pass


class TestNotifier(NotifierSuite):
    pass


class TestRates(RateSuite):
    pass


@pytest.mark.timeout(400)  # many small writes: a busy disk makes them slow, and that is no failure
class TestMachine(MachineSuite):
    examples = 30


class TestLeader(LeaderSuite):
    pass
