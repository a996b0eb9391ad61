"""Waiting for a job's end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from celeriac.engine.brokers.base import Cancel
from celeriac.engine.job import Job, State
from celeriac.testing.conformance.scenario import (
    PATIENCE,
    Engine,
    MakeEngine,
    a_child,
    a_job,
    a_scheduled_job,
    a_verdict,
    an_outcome,
    another,
    claim_one,
    ended_job,
    start,
)


class WaitSuite:
    """Waiting for a job's end."""

    def test_waiting_for_an_ended_job_returns_at_once(self, broker: Engine) -> None:
        job = ended_job(broker)
        for timeout in (0, 5, None):
            record = broker.wait(job.id, timeout)
            assert record is not None
            assert record.state is State.SUCCEEDED

    def test_a_wait_that_times_out_returns_nothing(self, broker: Engine) -> None:
        job = a_job()
        broker.push([job])
        began = time.monotonic()
        assert broker.wait(job.id, 0.05) is None
        assert broker.wait(job.id, 0) is None
        assert 0.04 < time.monotonic() - began < 5

    def waiting_for(self, make_broker: MakeEngine, job: Job, timeout: float | None = PATIENCE) -> Callable[[], Job | None]:
        """Start a thread that waits for ``job``; return a function that returns what it got."""
        ready = threading.Event()

        def wait() -> Job | None:
            with another(make_broker) as connection:
                ready.set()
                return connection.wait(job.id, timeout)

        waiter = start(wait)
        assert ready.wait(PATIENCE)
        return waiter.finish

    @pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.EXPIRED, State.PARKED])
    def test_a_waiter_is_woken_by_the_settle(self, broker: Engine, make_broker: MakeEngine, state: State) -> None:
        child = a_child(broker)
        delays = []
        for _ in range(4):
            job = a_job()
            broker.push([job])
            finish = self.waiting_for(make_broker, job)
            claimed = claim_one(broker, child)
            broker.settle([an_outcome(claimed, state, result=b"42")])
            settled = time.monotonic()
            record = finish()
            delays.append(time.monotonic() - settled)
            assert record is not None
            assert (record.state, record.result) == (state, b"42")
        # The quickest of a few, so that a busy machine does not fail this and a store that looks once a second does.
        assert min(delays) < 0.5

    def test_a_waiter_without_timeout_is_woken_too(self, broker: Engine, make_broker: MakeEngine) -> None:
        job = a_job()
        broker.push([job])
        finish = self.waiting_for(make_broker, job, None)
        broker.settle([an_outcome(claim_one(broker, a_child(broker)))])
        record = finish()
        assert record is not None
        assert record.state is State.SUCCEEDED

    def test_a_waiter_is_not_content_with_a_retry(self, broker: Engine, make_broker: MakeEngine) -> None:
        child = a_child(broker)
        job = a_job()
        broker.push([job])
        finish = self.waiting_for(make_broker, job)
        broker.settle([an_outcome(claim_one(broker, child), State.WAITING)])
        broker.settle([an_outcome(claim_one(broker, child), State.FAILED)])
        record = finish()
        assert record is not None
        assert (record.state, record.attempts) == (State.FAILED, 2)

    def test_a_waiter_is_woken_by_a_cancel(self, broker: Engine, make_broker: MakeEngine) -> None:
        job = a_scheduled_job(3_600)
        broker.push([job])
        finish = self.waiting_for(make_broker, job)
        broker.control(Cancel(ids=(job.id,)))
        record = finish()
        assert record is not None
        assert record.state is State.CANCELLED

    def test_a_waiter_is_woken_by_a_verdict(self, broker: Engine, make_broker: MakeEngine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        finish = self.waiting_for(make_broker, job)
        broker.rescue(child, verdicts=[a_verdict(job)])
        record = finish()
        assert record is not None
        assert record.state is State.FAILED

    def test_several_waiters_are_all_woken(self, broker: Engine, make_broker: MakeEngine) -> None:
        job = a_job()
        broker.push([job])
        finishes = [self.waiting_for(make_broker, job) for _ in range(3)]
        broker.settle([an_outcome(claim_one(broker, a_child(broker)))])
        records = [finish() for finish in finishes]
        assert [record.state for record in records if record] == [State.SUCCEEDED] * 3
