"""Jobs with a time of their own: delays, promotion, expiry."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import (
    Engine,
    MakeEngine,
    a_child,
    a_job,
    a_scheduled_job,
    another,
    claim_one,
    drain,
    ids,
    known,
    start,
    state_of,
)


class TimeSuite:
    """Jobs with a time of their own."""

    @pytest.fixture(autouse=True)
    def _delay(self, broker: Engine) -> None:
        if not broker.capabilities.delay:
            pytest.skip("this broker has no delays")

    def test_nothing_scheduled_means_nothing_to_wait_for(self, broker: Engine) -> None:
        broker.push([a_job()])
        assert broker.promote(10) is None

    def test_a_scheduled_job_is_not_claimed_before_its_time(self, broker: Engine) -> None:
        job = a_scheduled_job(3_600)
        broker.push([job])
        broker.promote(10)
        assert broker.claim(["default"], 10, a_child(broker)) == []
        record = known(broker, job.id)
        assert record.state is State.SCHEDULED
        assert record.run_at == pytest.approx(job.run_at, abs=0.01)

    def test_a_due_job_waits_after_promotion(self, broker: Engine) -> None:
        job = a_scheduled_job(-60)
        broker.push([job])
        assert broker.promote(10) is None
        assert state_of(broker, job) is State.WAITING
        assert claim_one(broker, a_child(broker)).id == job.id

    def test_promotion_tells_when_the_next_is_due(self, broker: Engine) -> None:
        broker.push([a_scheduled_job(7_200), a_scheduled_job(600), a_scheduled_job(-60)])
        assert broker.promote(10) == pytest.approx(600, abs=60)

    def test_the_job_that_is_due_longest_is_promoted_first(self, broker: Engine) -> None:
        child = a_child(broker)
        late, later, latest = (a_scheduled_job(-seconds) for seconds in (10, 300, 600))
        broker.push([late, latest])
        broker.push([later])
        order = []
        for _ in range(3):
            broker.promote(1)
            order += ids(broker.claim(["default"], 10, child))
        assert order == ids([latest, later, late])

    def test_promotion_keeps_its_limit(self, broker: Engine) -> None:
        broker.push([a_scheduled_job(-60) for _ in range(5)])
        left = broker.promote(3)
        assert left is not None
        assert left <= 0
        assert len(broker.claim(["default"], 10, a_child(broker))) == 3
        assert broker.promote(10) is None

    def test_two_promoters_promote_each_job_once(self, broker: Engine, make_broker: MakeEngine) -> None:
        jobs = [a_scheduled_job(-60) for _ in range(100)]
        broker.push(jobs)
        gate = threading.Barrier(2)

        def promote() -> None:
            with another(make_broker) as connection:
                gate.wait(30)
                for _ in range(200):
                    if connection.promote(3) is None:
                        return

        for actor in [start(promote), start(promote)]:
            actor.finish()
        assert Counter(drain(broker, a_child(broker), "default", 9)) == Counter(ids(jobs))

    def test_expiry_and_times_are_stored(self, broker: Engine) -> None:
        now = time.time()
        job = a_job(expires=now + 0.5, schedule="nightly", nominal=now - 3)
        broker.push([job])
        record = known(broker, job.id)
        assert record.expires == pytest.approx(now + 0.5, abs=0.01)
        assert record.nominal == pytest.approx(now - 3, abs=0.01)
        assert record.schedule == "nightly"
        assert record.created == pytest.approx(now, abs=60)
