"""Deleting what is no longer wanted, and nothing else (invariant 12)."""

from __future__ import annotations

from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import (
    Engine,
    a_child,
    a_failure,
    a_job,
    a_scheduled_job,
    an_outcome,
    claim_one,
    ended_job,
    some_jobs,
    state_of,
)


class ForgetSuite:
    """Deleting what is no longer wanted, and nothing else."""

    def test_forget_deletes_ended_jobs_and_their_attempts(self, broker: Engine) -> None:
        broker.push(some_jobs(2))
        one, two = broker.claim(["default"], 2, a_child(broker))
        broker.settle([an_outcome(one, log="kept for now"), an_outcome(two, State.FAILED, failure=a_failure())])
        assert broker.forget([one.id, two.id, "no-such-id"]) == 2
        assert (broker.get(one.id), broker.get(two.id)) == (None, None)
        assert broker.attempts(one.id) == []
        assert broker.forget([one.id]) == 0

    def test_forget_keeps_what_has_not_ended(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(3))
        parked, running, waiting = (*broker.claim(["default"], 2, child), broker.find({}, 1)[0])
        broker.settle([an_outcome(parked, State.PARKED)])
        scheduled = a_scheduled_job(3_600)
        broker.push([scheduled])
        assert broker.forget([parked.id, running.id, waiting.id, scheduled.id]) == 0
        expected = [State.PARKED, State.RUNNING, State.WAITING, State.SCHEDULED]
        assert [state_of(broker, job) for job in (parked, running, waiting, scheduled)] == expected

    def test_prune_goes_by_age(self, broker: Engine) -> None:
        old, young = ended_job(broker, age=7_200), ended_job(broker, age=60)
        assert broker.prune({State.SUCCEEDED: 3_600}, 100) == 1
        assert broker.get(old.id) is None
        assert state_of(broker, young) is State.SUCCEEDED

    def test_prune_goes_by_state(self, broker: Engine) -> None:
        old = {state: ended_job(broker, state, age=7_200) for state in (State.SUCCEEDED, State.FAILED, State.EXPIRED)}
        assert broker.prune({State.SUCCEEDED: 3_600, State.FAILED: 86_400}, 100) == 1
        assert [state for state, job in old.items() if broker.get(job.id)] == [State.FAILED, State.EXPIRED]
        assert broker.prune({}, 100) == 0

    def test_prune_keeps_its_limit(self, broker: Engine) -> None:
        for state in (State.SUCCEEDED, State.FAILED, State.SUCCEEDED, State.FAILED, State.SUCCEEDED):
            ended_job(broker, state, age=7_200)
        ages = {State.SUCCEEDED: 60.0, State.FAILED: 60.0}
        assert broker.prune(ages, 2) == 2
        assert broker.prune(ages, 100) == 3

    def test_prune_keeps_what_has_not_ended(self, broker: Engine) -> None:
        broker.push(some_jobs(3))
        job = claim_one(broker, a_child(broker))
        broker.settle([an_outcome(job, State.WAITING, started=1.0, finished=2.0)])
        parked = ended_job(broker, State.PARKED, age=7_200)
        assert broker.prune(dict.fromkeys(State, 0.0), 100) == 0
        assert state_of(broker, parked) is State.PARKED

    def test_the_id_of_a_forgotten_job_may_come_again(self, broker: Engine) -> None:
        old = ended_job(broker)
        broker.forget([old.id])
        broker.push([a_job(old.id)])
        new = claim_one(broker, a_child(broker))
        assert (new.id, new.attempts) == (old.id, 0)
        assert broker.settle([an_outcome(old)]) == {old.token}
