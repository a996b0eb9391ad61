"""The SQL engine on PostgreSQL keeps every promise of the suites."""

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

pytestmark = pytest.mark.postgres


@pytest.fixture
def broker(postgres_alias: str) -> Iterator[SQLBroker]:
    empty(postgres_alias)
    broker = opened(postgres_alias)
    yield broker
    broker.close()


@pytest.fixture
def make_broker(postgres_alias: str) -> Callable[[], SQLBroker]:
    return lambda: opened(postgres_alias)


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
