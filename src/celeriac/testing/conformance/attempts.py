"""What is kept of ended attempts."""

from __future__ import annotations

import pytest

from celeriac.engine.job import State
from celeriac.engine.outcome import Failure
from celeriac.testing.conformance.scenario import (
    Engine,
    a_child,
    a_failure,
    a_job,
    an_outcome,
    claim_one,
    ended_job,
    some_jobs,
    state_of,
)

UGLY = "before\x00after \ud800 and \udfff, then 🍲 end"
"""Text that a database may refuse: a NUL and lone surrogates."""


class AttemptSuite:
    """What is kept of ended attempts."""

    def test_a_clean_first_attempt_keeps_nothing(self, broker: Engine) -> None:
        assert broker.attempts(ended_job(broker).id) == []

    def test_a_failure_is_kept(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        outcome = an_outcome(job, State.FAILED, failure=a_failure("no string left"), worker="fig@tree")
        broker.settle([outcome])
        (attempt,) = broker.attempts(job.id)
        assert attempt.failure is not None
        for part in ("type", "module", "message", "traceback"):
            assert getattr(attempt.failure, part) == getattr(a_failure("no string left"), part)
        assert (attempt.state, attempt.worker) == (State.FAILED, "fig@tree")
        assert attempt.started == pytest.approx(outcome.started, abs=0.01)
        assert attempt.finished == pytest.approx(outcome.finished, abs=0.01)

    def test_a_log_is_kept(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        broker.settle([an_outcome(job, log="tied 3 knots\nthen äte")])
        assert [attempt.log for attempt in broker.attempts(job.id)] == ["tied 3 knots\nthen äte"]

    def test_a_second_attempt_is_kept_even_when_clean(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        broker.settle([an_outcome(claim_one(broker, child), State.WAITING, failure=a_failure())])
        job = claim_one(broker, child)
        broker.settle([an_outcome(job, retried=True)])
        assert [attempt.state for attempt in broker.attempts(job.id)] == [State.WAITING, State.SUCCEEDED]

    def test_attempts_come_oldest_first(self, broker: Engine) -> None:
        child, job = a_child(broker), a_job()
        broker.push([job])
        for message in ("first", "second", "third"):
            claimed = claim_one(broker, child)
            broker.settle([an_outcome(claimed, State.WAITING, failure=a_failure(message), retried=message != "first")])
        attempts = broker.attempts(job.id)
        assert [attempt.failure.message for attempt in attempts if attempt.failure] == ["first", "second", "third"]
        indexes = [attempt.index for attempt in attempts]
        assert indexes == [indexes[0], indexes[0] + 1, indexes[0] + 2]

    def test_attempts_of_one_job_are_not_those_of_another(self, broker: Engine) -> None:
        broker.push(some_jobs(2))
        one, two = broker.claim(["default"], 2, a_child(broker))
        broker.settle([an_outcome(one, log="one"), an_outcome(two, log="two")])
        assert [[attempt.log for attempt in broker.attempts(job.id)] for job in (one, two)] == [["one"], ["two"]]

    def test_text_that_is_not_clean_is_stored_without_an_error(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        failure = Failure(type="Ugly", module="m", message=UGLY, traceback=UGLY * 3, arguments=["a\x00b"])
        assert broker.settle([an_outcome(job, State.FAILED, failure=failure, log=UGLY)]) == set()
        (attempt,) = broker.attempts(job.id)
        assert attempt.failure is not None
        for text in (attempt.failure.message, attempt.failure.traceback, attempt.log or ""):
            assert text.startswith("before")
            assert text.endswith("🍲 end")

    def test_one_ugly_text_does_not_keep_out_the_rest_of_the_batch(self, broker: Engine) -> None:
        broker.push(some_jobs(3))
        jobs = broker.claim(["default"], 3, a_child(broker))
        assert broker.settle([an_outcome(jobs[0]), an_outcome(jobs[1], log=UGLY), an_outcome(jobs[2])]) == set()
        assert {state_of(broker, job) for job in jobs} == {State.SUCCEEDED}
