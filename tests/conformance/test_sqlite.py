"""The SQL engine on SQLite keeps every promise of the suites."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import State
from celeriac.testing.conformance import EngineSuite, ExchangeSuite, ResultSuite
from celeriac.testing.conformance.machine import MachineSuite
from celeriac.testing.conformance.scenario import QUEUE, a_child, an_outcome, claim_some, ids
from tests.conformance.conftest import empty, opened


@pytest.fixture
def make_broker(sqlite_alias: str) -> Callable[[], SQLBroker]:
    empty(sqlite_alias)
    return lambda: opened(sqlite_alias)


class TestEngine(EngineSuite):
    pass


class TestExchange(ExchangeSuite):
    def test_what_is_claimed_is_not_lost_where_nobody_can_be_woken(
        self, broker: SQLBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError("Too many open files")

        child = a_child(broker)
        [job] = claim_some(broker, 1, child)
        monkeypatch.setattr(broker.wake, "wake", fail)
        refused, jobs = broker.exchange([an_outcome(job, State.WAITING)], [QUEUE], 5, child)
        assert (refused, ids(jobs)) == (set(), [job.id])


class TestResults(ResultSuite):
    pass


@pytest.mark.timeout(400)  # many small writes: a busy disk makes them slow, and that is no failure
class TestMachine(MachineSuite):
    examples = 30
