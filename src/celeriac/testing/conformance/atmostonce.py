"""Jobs that must not run twice fail where others would run again."""

from __future__ import annotations

import time

import pytest

from celeriac.engine.codec import decode_failure
from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import (
    RUN_OUT,
    Engine,
    a_child,
    a_worker,
    an_outcome,
    claim_one,
    claim_some,
    ids,
    known,
    state_of,
)


class AtMostOnceSuite:
    """Jobs that must not run twice."""

    def test_a_begun_job_of_the_kind_fails_instead(self, broker: Engine) -> None:
        child = a_child(broker)
        job, prefetched = claim_some(broker, 2, child)
        assert broker.begin([job.token], once=True) == {job.token}
        assert broker.rescue(child) == 2
        assert [state_of(broker, job), state_of(broker, prefetched)] == [State.FAILED, State.WAITING]
        assert ids(broker.claim(["default"], 10, a_child(broker))) == [prefetched.id]

    def test_its_failure_says_that_the_worker_was_lost(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token], once=True)
        broker.rescue(child)
        failure = broker.attempts(job.id)[-1].failure
        assert failure is not None
        assert failure.type == "WorkerLostError"
        result = known(broker, job.id).result
        assert result is not None
        assert decode_failure(result).type == "WorkerLostError"

    def test_when_it_began_is_kept(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token], once=True)
        began = known(broker, job.id).started
        assert began is not None
        time.sleep(0.02)  # so that it ends at another moment
        broker.rescue(child)
        (attempt,) = broker.attempts(job.id)
        assert [known(broker, job.id).started, attempt.started] == pytest.approx([began, began], abs=0.001)

    def test_it_fails_too_when_the_whole_worker_is_lost(self, broker: Engine) -> None:
        child = a_child(broker, lease=RUN_OUT)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token], once=True)
        assert broker.rescue() == 1
        assert state_of(broker, job) is State.FAILED

    def test_it_does_not_run_again_when_its_worker_leaves(self, broker: Engine) -> None:
        worker = a_worker(broker)
        (job,) = claim_some(broker, 1, a_child(broker, worker))
        broker.begin([job.token], once=True)
        broker.leave(worker)
        assert state_of(broker, job) is State.FAILED
        assert broker.claim(["default"], 10, a_child(broker)) == []

    def test_before_its_body_starts_it_is_a_job_like_any_other(self, broker: Engine) -> None:
        child = a_child(broker)
        (job,) = claim_some(broker, 1, child)
        broker.begin([job.token], once=True)
        broker.settle([an_outcome(job, State.WAITING)])
        second = a_child(broker)
        again = claim_one(broker, second)
        broker.rescue(second)
        assert state_of(broker, again) is State.WAITING
