"""Jobs over which their child was killed end as the master says, and what follows a failure is pushed."""

from __future__ import annotations

import pytest

from celeriac.engine.brokers.base import Verdict
from celeriac.engine.codec import decode_failure
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Failure
from celeriac.testing.conformance.scenario import (
    LONG,
    RUN_OUT,
    Engine,
    a_child,
    a_failure,
    a_job,
    a_verdict,
    a_worker,
    an_outcome,
    charges_of,
    claim_one,
    claim_some,
    ids,
    known,
    state_of,
)


class VerdictSuite:
    """Jobs over which the master killed their child."""

    def verdict(self, job: Job, state: State = State.FAILED) -> Verdict:
        """Return the end of a job that ran past its time limit."""
        failure = Failure(type="TimeLimitExceeded", module="celeriac.exceptions", message="The job ran past its limit.")
        return a_verdict(job, state, failure)

    @pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
    def test_a_verdict_ends_its_job(self, broker: Engine, state: State) -> None:
        child = a_child(broker)
        condemned, neighbour = claim_some(broker, 2, child)
        broker.begin([condemned.token])
        assert broker.rescue(child, begun=[condemned.token], verdicts=[self.verdict(condemned, state)]) == 2
        assert [state_of(broker, condemned), state_of(broker, neighbour)] == [state, State.WAITING]
        assert charges_of(broker, neighbour) == 0
        assert ids(broker.claim(["default"], 10, a_child(broker))) == [neighbour.id]

    def test_its_reason_is_kept(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.rescue(child, verdicts=[self.verdict(job)])
        (attempt,) = broker.attempts(job.id)
        assert attempt.failure is not None
        assert (attempt.state, attempt.failure.type) == (State.FAILED, "TimeLimitExceeded")
        result = known(broker, job.id).result
        assert result is not None
        assert decode_failure(result).type == "TimeLimitExceeded"
        assert known(broker, job.id).finished is not None

    @pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
    def test_who_ran_it_and_since_when_is_kept(self, broker: Engine, state: State) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token])
        verdict = self.verdict(job, state)
        broker.rescue(child, verdicts=[verdict])
        (attempt,) = broker.attempts(job.id)
        for kept in (known(broker, job.id), attempt):
            assert kept.worker == verdict.worker
            assert kept.started == pytest.approx(verdict.started, abs=0.001)
            assert kept.finished is not None
            assert kept.finished - verdict.started > 1.9

    def test_a_verdict_goes_before_a_charge(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token], once=True)
        broker.rescue(child, begun=[job.token], verdicts=[self.verdict(job, State.CANCELLED)], limit=1)
        assert state_of(broker, job) is State.CANCELLED

    def test_a_verdict_on_a_job_that_ended_meanwhile_changes_nothing(self, broker: Engine) -> None:
        child = a_child(broker)
        ended, other = claim_some(broker, 2, child)
        broker.settle([an_outcome(ended)])
        assert broker.rescue(child, verdicts=[self.verdict(ended)]) == 1
        assert [state_of(broker, ended), state_of(broker, other)] == [State.SUCCEEDED, State.WAITING]
        assert broker.attempts(ended.id) == []


class ConsequencesSuite:
    """What follows a job that the broker fails by itself: it is pushed in the same operation, or not at all."""

    def told(
        self, broker: Engine, way: str, state: State = State.FAILED, times: int = 1
    ) -> tuple[Job, list[tuple[Job, Failure]]]:
        """End a begun job in one of the ways, with a follow-up; return the job and what was asked for."""
        worker = a_worker(broker, RUN_OUT if way == "lapse" else LONG)
        child = a_child(broker, worker)
        broker.push([a_job(f"parent-{way}", payload=b'[[1],{},{"errbacks":[]}]', headers={"lang": "de"})])
        job = claim_one(broker, child)
        asked: list[tuple[Job, Failure]] = []

        def consequences(record: Job, failure: Failure) -> list[Job]:
            asked.append((record, failure))
            return [a_job(f"{record.id}/after", queue="after")]

        for _ in range(times):
            if way == "verdict":
                verdict = a_verdict(job, state, a_failure("too long"))
                broker.rescue(child, verdicts=[verdict], consequences=consequences)
                continue
            broker.begin([job.token], once=True)
            if way == "leave":
                broker.leave(worker, consequences=consequences)
            else:
                broker.rescue(child if way == "death" else None, consequences=consequences)
        return job, asked

    @pytest.mark.parametrize("way", ["verdict", "death", "lapse", "leave"])
    def test_a_job_that_the_broker_fails_has_its_follow_ups_pushed(self, broker: Engine, way: str) -> None:
        job, asked = self.told(broker, way)
        assert state_of(broker, job) is State.FAILED
        [(record, failure)] = asked
        assert (record.id, record.payload, record.headers) == (job.id, job.payload, {"lang": "de"})
        assert failure.type == ("ValueError" if way == "verdict" else "WorkerLostError")
        assert ids(broker.claim(["after"], 10, a_child(broker))) == [f"{job.id}/after"]

    @pytest.mark.parametrize("way", ["verdict", "death", "lapse", "leave"])
    def test_a_rescue_repeated_pushes_nothing_more(self, broker: Engine, way: str) -> None:
        job, _ = self.told(broker, way, times=2)
        assert ids(broker.claim(["after"], 10, a_child(broker))) == [f"{job.id}/after"]

    def test_a_cancelled_job_has_no_consequences(self, broker: Engine) -> None:
        assert self.told(broker, "verdict", State.CANCELLED)[1] == []

    def test_a_parked_job_has_no_consequences(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.rescue(child, begun=[job.token], limit=1, consequences=lambda record, failure: [a_job(queue="after")])
        assert state_of(broker, job) is State.PARKED
        assert broker.claim(["after"], 10, a_child(broker)) == []

    def test_a_job_that_ended_meanwhile_has_no_consequences(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.settle([an_outcome(job)])
        verdict = a_verdict(job)
        broker.rescue(child, verdicts=[verdict], consequences=lambda record, failure: [a_job(queue="after")])
        assert state_of(broker, job) is State.SUCCEEDED
        assert broker.claim(["after"], 10, a_child(broker)) == []
