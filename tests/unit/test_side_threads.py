"""The threads beside a keeper: they take turns, back off after one that failed, and end when told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.sidethread import PATIENCE, LedThread

ERRORS: list[Exception] = [BrokerUnavailable("The store is away."), LookupError("a driver's own mistake")]


class Walker(LedThread):
    """Breaks in its first turns, as told, and then works."""

    name = "walks"
    duty = "Walking about"
    meanwhile = "No path is lost."
    first_backoff = 0.01

    def __init__(self, broker: MemoryBroker, holder: str, errors: list[Exception]) -> None:
        super().__init__(broker, holder)
        self.errors = errors
        self.walked, self.left = threading.Event(), threading.Event()

    def _turn(self) -> float:
        if self.errors:
            raise self.errors.pop(0)
        if self._leads():
            self.walked.set()
        return 0.01

    def _leave(self) -> None:
        super()._leave()
        self.left.set()


@pytest.fixture
def walker(broker: MemoryBroker) -> Iterator[Walker]:
    walker = Walker(broker.clone(), "one", list(ERRORS))
    yield walker
    walker.stop()


def test_a_turn_that_fails_is_taken_again_and_the_log_says_why(walker: Walker, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "celeriac.keeper"):
        walker.start()
        assert walker.walked.wait(PATIENCE)
    assert not walker.errors
    assert "Walking about broke" in caplog.text
    assert "a driver's own mistake" in caplog.text
    assert "No path is lost." in caplog.text


def test_one_that_stops_lets_another_lead_at_once(walker: Walker, broker: MemoryBroker) -> None:
    walker.start()
    assert walker.walked.wait(PATIENCE)
    leader = broker.leader("walks")
    assert not leader.acquire("another", 60.0)
    walker.stop()
    assert walker.left.is_set()
    assert leader.acquire("another", 60.0)


def test_each_turn_that_fails_waits_longer_up_to_a_limit(broker: MemoryBroker) -> None:
    walker = Walker(broker.clone(), "one", [])
    walker.longest_backoff = 0.5  # type: ignore[misc]  # of this one only
    pauses = [walker._later() for _ in range(8)]
    assert 0.005 <= pauses[0] <= 0.01
    assert pauses[0] < pauses[2] < pauses[4]
    assert all(0.25 <= pause <= 0.5 for pause in pauses[-2:])
