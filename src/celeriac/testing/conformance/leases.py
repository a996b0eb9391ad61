"""A whole worker is lost, and nobody says so but its lease."""

from __future__ import annotations

import pytest

from celeriac.engine.errors import ChildIsDead
from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import (
    LONG,
    RUN_OUT,
    Engine,
    a_child,
    a_worker,
    an_outcome,
    charges_of,
    claim_some,
    state_of,
)


class LeaseSuite:
    """Workers whose lease ran out, and those whose did not."""

    def test_the_jobs_of_a_worker_whose_lease_ran_out_wait_again(self, broker: Engine) -> None:
        worker = a_worker(broker, RUN_OUT)
        jobs = [*claim_some(broker, 2, a_child(broker, worker)), *claim_some(broker, 1, a_child(broker, worker))]
        assert broker.rescue() == 3
        assert {state_of(broker, job) for job in jobs} == {State.WAITING}
        assert {job.delivery for job in broker.claim(["default"], 10, a_child(broker))} == {2}

    def test_a_living_workers_jobs_stay(self, broker: Engine) -> None:
        child = a_child(broker, lease=LONG)
        jobs = claim_some(broker, 2, child)
        assert broker.rescue() == 0
        assert broker.held(child) == {job.token for job in jobs}
        assert broker.settle([an_outcome(job) for job in jobs]) == set()

    def test_a_renewed_lease_counts_from_now(self, broker: Engine) -> None:
        worker = a_worker(broker, RUN_OUT)
        child = a_child(broker, worker)
        (job,) = claim_some(broker, 1, child)
        assert broker.renew(worker, LONG) is True
        assert broker.rescue() == 0
        assert broker.held(child) == {job.token}

    def test_a_lease_can_run_out_after_a_renewal(self, broker: Engine) -> None:
        worker = a_worker(broker, LONG)
        claim_some(broker, 1, a_child(broker, worker))
        assert broker.renew(worker, RUN_OUT) is True
        assert broker.rescue() == 1
        assert broker.renew(worker, LONG) is False

    def test_begun_jobs_of_a_lost_worker_are_charged(self, broker: Engine) -> None:
        child = a_child(broker, lease=RUN_OUT)
        begun, prefetched = claim_some(broker, 2, child)
        broker.begin([begun.token])
        broker.rescue()
        assert (charges_of(broker, begun), charges_of(broker, prefetched)) == (1, 0)

    def test_a_lost_worker_without_jobs_is_dead_too(self, broker: Engine) -> None:
        worker = a_worker(broker, RUN_OUT)
        child = a_child(broker, worker)
        assert broker.rescue() == 0
        assert broker.renew(worker, LONG) is False
        with pytest.raises(ChildIsDead):
            broker.claim(["default"], 1, child)
