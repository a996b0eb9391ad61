"""The way of a job when nothing goes wrong: pushing, claiming, settling, and time."""

from __future__ import annotations

from celeriac.engine.job import Job, State
from celeriac.testing.conformance.claim import ClaimSuite
from celeriac.testing.conformance.push import PushSuite
from celeriac.testing.conformance.scenario import (
    Engine,
    MakeEngine,
    a_child,
    a_job,
    another,
    claim_one,
    state_of,
)
from celeriac.testing.conformance.settle import SettleSuite
from celeriac.testing.conformance.timing import TimeSuite


class BrokerSuite(PushSuite, ClaimSuite, SettleSuite, TimeSuite):
    """The way of a job from its push to its end."""

    def test_an_instance_may_be_used_again_after_close(self, broker: Engine, make_broker: MakeEngine) -> None:
        job: Job = a_job()
        with another(make_broker) as connection:
            connection.push([job])
            connection.close()
            connection.open()
            assert state_of(connection, job) is State.WAITING
        assert claim_one(broker, a_child(broker)).id == job.id

    def test_a_clone_sees_the_same_jobs(self, broker: Engine) -> None:
        job = a_job()
        broker.push([job])
        clone = broker.clone()
        clone.open()
        try:
            assert claim_one(clone, a_child(clone)).id == job.id
        finally:
            clone.close()
        assert state_of(broker, job) is State.RUNNING
