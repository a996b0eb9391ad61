"""An app on a broker in memory with a clock that stands still, and a worker that runs its jobs when told to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from celeriac.app import Celery
from celeriac.engine.attempt.runner import AttemptRunner
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.job import Job
from celeriac.engine.outcome import Outcome
from celeriac.testing.clock import FakeClock

# A loaded machine may take long over one example; the suite has a limit of its own for each test.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def broker(clock: FakeClock) -> Iterator[MemoryBroker]:
    broker = MemoryBroker(clock)
    yield broker
    broker.close()


@pytest.fixture
def app(clock: FakeClock, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    app = Celery("tests", broker="memory://")
    app.clock = clock
    monkeypatch.setattr(app, "broker", lambda: broker)
    yield app
    app.close()


class Worker:
    """Claims, runs and settles one job after the other, in the test's own thread."""

    def __init__(self, app: Celery, broker: MemoryBroker, clock: FakeClock) -> None:
        self.app, self.broker, self.clock = app, broker, clock
        info = WorkerInfo(id="w", name="w@test", host="test", pid=1, pool="solo", concurrency=1, queues=["celery"])
        broker.join(info, 1e9)
        broker.enrol("w", "c")
        self.outcomes: list[Outcome] = []

    def runner(self, **parts: Any) -> AttemptRunner:
        return self.app.runner(hostname="w@test", reporter=self.broker.report, **parts)

    def run_one(self, queue: str = "celery") -> Outcome | None:
        """Run the next waiting job; None where there is none."""
        jobs: list[Job] = self.broker.claim([queue], 1, "c")
        if not jobs:
            return None
        self.app.finalize()
        outcome = self.runner().run(jobs[0])
        self.outcomes.append(outcome)
        assert self.broker.settle([outcome]) == set()
        return outcome

    def run_all(self, queue: str = "celery") -> list[Outcome]:
        """Run what waits and what becomes due, moving the clock on, until nothing is left."""
        before = len(self.outcomes)
        while True:
            until = self.broker.promote(100)
            if self.run_one(queue) is None:
                if until is None:
                    return self.outcomes[before:]
                self.clock.advance(until + 0.001)


@pytest.fixture
def worker(app: Celery, broker: MemoryBroker, clock: FakeClock) -> Worker:
    return Worker(app, broker, clock)
