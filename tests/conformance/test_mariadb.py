"""The SQL engine on MariaDB keeps every promise of the suites."""

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

pytestmark = pytest.mark.mariadb


@pytest.fixture
def broker(mariadb_alias: str) -> Iterator[SQLBroker]:
    empty(mariadb_alias)
    broker = opened(mariadb_alias)
    yield broker
    broker.close()


@pytest.fixture
def make_broker(mariadb_alias: str) -> Callable[[], SQLBroker]:
    return lambda: opened(mariadb_alias)


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


@pytest.mark.timeout(400)
class TestMachine(MachineSuite):
    examples = 15  # each step waits for the disk


class TestLeader(LeaderSuite):
    pass
