"""The SQL engine on SQLite keeps every promise of the suites."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.testing.conformance import EngineSuite, ExchangeSuite, ResultSuite
from celeriac.testing.conformance.machine import MachineSuite
from tests.conformance.conftest import empty, opened


@pytest.fixture
def make_broker(sqlite_alias: str) -> Callable[[], SQLBroker]:
    empty(sqlite_alias)
    return lambda: opened(sqlite_alias)


class TestEngine(EngineSuite):
    pass


class TestExchange(ExchangeSuite):
    pass


class TestResults(ResultSuite):
    pass


@pytest.mark.timeout(400)  # many small writes: a busy disk makes them slow, and that is no failure
class TestMachine(MachineSuite):
    examples = 30
