"""The SQL engine on MariaDB keeps every promise of the suites."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.testing.conformance import EngineSuite, ResultSuite
from celeriac.testing.conformance.machine import MachineSuite
from tests.conformance.conftest import empty, opened

pytestmark = pytest.mark.mariadb


@pytest.fixture
def make_broker(mariadb_alias: str) -> Callable[[], SQLBroker]:
    empty(mariadb_alias)
    return lambda: opened(mariadb_alias)


class TestEngine(EngineSuite):
    pass


class TestResults(ResultSuite):
    pass


@pytest.mark.timeout(400)
class TestMachine(MachineSuite):
    examples = 15  # each step waits for the disk
