"""A job that is tried again by hand, where its results move elsewhere."""

from __future__ import annotations

import pytest

from celeriac.app import Celery
from celeriac.engine.job import Job, State
from celeriac.engine.worker import resultmover
from celeriac.engine.worker.resultmover import ResultMover
from celeriac.jobs import retry
from celeriac.testing.conformance.scenario import a_child, a_failure, a_job, an_outcome, claim_one
from celeriac.testing.valkey import ValkeyServer
from tests.conformance.mixtures import mixture


def test_a_retry_that_has_ended_and_moved_is_not_made_again(
    request: pytest.FixtureRequest, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resultmover, "YOUNG", 0.0)
    mixture("valkey+valkey-1", request).empty()
    with Celery("retried", broker=valkey.url(0), backend=valkey.url(1), set_as_current=False) as app:
        app.conf.outbox = None
        broker = app.broker()
        mover = ResultMover(broker.inner, broker.results, "mover", {})

        def fails() -> Job:
            job = claim_one(broker, a_child(broker))
            broker.settle([an_outcome(job, State.FAILED, failure=a_failure())])
            assert mover.move() == 1
            return job

        broker.push([a_job()])
        old = broker.get(fails().id)
        first = retry(app, [old])
        assert fails().id == first.done[old.id]
        again = retry(app, [old])
        assert (again.done, broker.counts().get("default", {})) == ({}, {State.FAILED: 2})
        assert "retried already" in again.refused[old.id]
