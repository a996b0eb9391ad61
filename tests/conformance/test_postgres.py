"""The SQL engine on PostgreSQL keeps every promise of the suites."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.testing.conformance import EngineSuite, ResultSuite
from celeriac.testing.conformance.machine import MachineSuite
from tests.conformance.conftest import empty, opened

pytestmark = pytest.mark.postgres


@pytest.fixture
def make_broker(postgres_alias: str) -> Callable[[], SQLBroker]:
    empty(postgres_alias)
    return lambda: opened(postgres_alias)


class TestEngine(EngineSuite):
    pass


class TestResults(ResultSuite):
    pass


@pytest.mark.timeout(400)
class TestMachine(MachineSuite):
    examples = 15  # each step waits for the disk
