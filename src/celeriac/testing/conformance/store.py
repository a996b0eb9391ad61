"""Remembering jobs: records, attempts, searches, counts, waiting, forgetting (invariant 12)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from celeriac.engine.brokers.base import Cancel, Verdict
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Failure
from celeriac.testing.conformance.scenario import (
    PATIENCE,
    Engine,
    MakeEngine,
    a_child,
    a_failure,
    a_job,
    a_scheduled_job,
    an_outcome,
    another,
    claim_one,
    ids,
    known,
    some_jobs,
    start,
    state_of,
)

UGLY = "before\x00after \ud800 and \udfff, then 🍲 end"
"""Text that a database may refuse: a NUL and lone surrogates."""


def ended_job(broker: Engine, state: State = State.SUCCEEDED, age: float = 0.0, **fields: Any) -> Job:
    """Push a job and end it, ``age`` seconds ago."""
    job = a_job(queue="ended", **fields)
    broker.push([job])
    claimed = claim_one(broker, a_child(broker), "ended")
    finished = time.time() - age
    assert broker.settle([an_outcome(claimed, state, started=finished - 1, finished=finished)]) == set()
    return claimed


class RecordSuite:
    """One job, remembered."""

    def test_an_unknown_id_has_no_record(self, broker: Engine) -> None:
        assert broker.get("no-such-id") is None
        assert broker.get("") is None
        assert broker.attempts("no-such-id") == []
        assert broker.wait("no-such-id", 0) is None

    def test_a_record_keeps_every_field_it_was_pushed_with(self, broker: Engine) -> None:
        fields: dict[str, Any] = {
            "root": "root-id", "parent": "parent-id", "group": "group-id", "position": 4, "unique_key": "one", "priority": 3,
            "concurrency_key": "few", "fairness_key": "tenant-7", "headers": {"a": [1, "ü", None]}, "schedule": "nightly",
            "metadata": {"who": {"id": 1.5}}, "progress": {"done": 0},
        }  # fmt: skip
        job = a_job(**fields)
        broker.push([job])
        record = known(broker, job.id)
        assert {name: getattr(record, name) for name in fields} == fields
        assert record.state is State.WAITING
        assert (record.attempts, record.charges, record.result, record.finished) == (0, 0, None, None)

    def test_a_record_follows_its_job(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        states = [state_of(broker, job)]
        broker.release([job.token])
        states.append(state_of(broker, job))
        broker.settle([an_outcome(claim_one(broker, child))])
        states.append(state_of(broker, job))
        assert states == [State.RUNNING, State.WAITING, State.SUCCEEDED]

    @pytest.mark.parametrize("result", [None, b"null", b'"\xc3\xbc"', b"[1]" * 100_000])
    def test_a_result_is_kept_as_it_was(self, broker: Engine, result: bytes | None) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        broker.settle([an_outcome(job, result=result)])
        assert known(broker, job.id).result == result

    def test_progress_is_replaced_while_the_job_runs(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        assert broker.report(job.token, {"done": 1, "of": 3}) is True
        assert broker.report(job.token, {"done": 2, "note": "größer"}) is True
        assert known(broker, job.id).progress == {"done": 2, "note": "größer"}
        broker.settle([an_outcome(job)])
        assert broker.report(job.token, {"done": 3}) is False
        assert known(broker, job.id).progress == {"done": 2, "note": "größer"}

    def test_progress_may_hold_a_nul(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        assert broker.report(job.token, {"line": "a\x00b"}) is True
        progress = known(broker, job.id).progress
        assert progress is not None
        assert progress["line"].startswith("a")


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


class SearchSuite:
    """Finding and counting."""

    @pytest.fixture(autouse=True)
    def _inspect(self, broker: Engine) -> None:
        if not broker.capabilities.inspect:
            pytest.skip("this broker cannot be searched")

    @pytest.fixture
    def jobs(self, broker: Engine) -> list[Job]:
        """Return jobs in several states, queues, tasks and groups, in the order of their arrival."""
        jobs = [
            a_job(task="pack", queue="a", root="r1"),
            a_job(task="pack", queue="b", root="r1", group="g"),
            a_job(task="ship", queue="a", root="r2", group="g"),
            a_job(task="ship", queue="b"),
            a_job(task="ship", queue="a", state=State.SCHEDULED, run_at=time.time() + 3_600),
            a_job(task="pack", queue="c"),
        ]
        broker.push(jobs)
        child = a_child(broker)
        broker.settle([an_outcome(claim_one(broker, child, "c"))])
        claim_one(broker, child, "b")
        return jobs

    def test_without_filters_the_newest_come_first(self, broker: Engine, jobs: list[Job]) -> None:
        assert ids(broker.find({}, 100)) == ids(jobs[::-1])

    @pytest.mark.parametrize(
        ("where", "found"),
        [
            ({"queue": "a"}, [4, 2, 0]),
            ({"task": "pack"}, [5, 1, 0]),
            ({"root": "r1"}, [1, 0]),
            ({"group": "g"}, [2, 1]),
            ({"state": State.WAITING}, [3, 2, 0]),
            ({"state": State.RUNNING}, [1]),
            ({"state": State.SCHEDULED}, [4]),
            ({"state": State.SUCCEEDED}, [5]),
            ({"state": State.PARKED}, []),
            ({"queue": "a", "task": "ship"}, [4, 2]),
            ({"queue": "b", "task": "ship", "state": State.WAITING}, [3]),
            ({"queue": "a' or '1'='1"}, []),
        ],
        ids=str,
    )
    def test_records_are_found_by_what_they_equal(
        self, broker: Engine, jobs: list[Job], where: dict[str, Any], found: list[int]
    ) -> None:
        assert ids(broker.find(where, 100)) == [jobs[index].id for index in found]

    def test_a_search_keeps_its_limit(self, broker: Engine, jobs: list[Job]) -> None:
        assert ids(broker.find({}, 2)) == ids(jobs[:-3:-1])

    def test_a_cursor_goes_through_everything_once(self, broker: Engine, jobs: list[Job]) -> None:
        seen: list[str] = []
        before: int | None = None
        while page := broker.find({}, 2, before):
            seen += ids(page)
            assert len(seen) < 20, "the pages do not get older"
            before = page[-1].number
            broker.push([a_job(queue="new")])  # what arrives meanwhile is newer, so it does not shift the pages
        assert seen == ids(jobs[::-1])

    def test_a_cursor_goes_with_filters(self, broker: Engine, jobs: list[Job]) -> None:
        first = broker.find({"queue": "a"}, 1)
        assert ids(broker.find({"queue": "a"}, 10, first[0].number)) == [jobs[2].id, jobs[0].id]

    def test_found_records_are_whole(self, broker: Engine, jobs: list[Job]) -> None:
        for found in broker.find({}, 100):
            assert found == known(broker, found.id)

    def test_counts_equal_a_recount(self, broker: Engine, jobs: list[Job]) -> None:
        child = a_child(broker)
        broker.push(some_jobs(4, queue="küche"))
        taken = broker.claim(["küche"], 3, child)
        broker.settle([an_outcome(taken[0], State.FAILED), an_outcome(taken[1], State.PARKED)])
        recount = Counter((job.queue, job.state) for job in broker.find({}, 1_000))
        counts = {(queue, state): n for queue, states in broker.counts().items() for state, n in states.items() if n}
        assert counts == dict(recount)
        assert sum(counts.values()) == 10
        assert broker.counts()["küche"][State.RUNNING] == 1

    def test_an_empty_store_counts_nothing(self, broker: Engine) -> None:
        assert not any(n for states in broker.counts().values() for n in states.values())


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
        broker.rescue(child, verdicts=[Verdict(token=job.token, state=State.FAILED, failure=a_failure())])
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


class StoreSuite(RecordSuite, AttemptSuite, SearchSuite, WaitSuite, ForgetSuite):
    """What the dashboard, the admin and ``result.get()`` read."""
