"""What is to be done, and what failed lately: what ``celeriac status`` shows."""

from __future__ import annotations

import time

import pytest

from celeriac.engine.brokers.base import Cancel, Pause, QueueInfo, Resume
from celeriac.engine.job import Job, State
from celeriac.testing.conformance.scenario import (
    Engine,
    a_child,
    a_failure,
    a_job,
    a_scheduled_job,
    an_outcome,
    claim_one,
    ended_job,
    ids,
    known,
    some_jobs,
)


def queue(broker: Engine, name: str) -> QueueInfo:
    """Return what a snapshot says of one queue, which must be in it."""
    [found] = [queue for queue in broker.snapshot().queues if queue.name == name]
    return found


def ended(broker: Engine, state: State = State.FAILED, age: float = 0.0) -> Job:
    """Push a job and end it badly, ``age`` seconds ago."""
    broker.push([a_job(queue="ended")])
    job, now = claim_one(broker, a_child(broker), "ended"), time.time()
    outcome = an_outcome(job, state, finished=now - age, failure=a_failure(), result=b"{}")
    assert broker.settle([outcome]) == set()
    return job


class SnapshotSuite:
    """What is to be done, and what failed lately."""

    @pytest.fixture(autouse=True)
    def _look(self, broker: Engine) -> None:
        if not broker.capabilities.inspect:
            pytest.skip("this broker cannot be searched")

    def test_a_snapshot_of_nothing_is_empty_and_tells_the_time(self, broker: Engine) -> None:
        snapshot = broker.snapshot()
        assert snapshot.queues == []
        assert snapshot.time == pytest.approx(time.time(), abs=60.0)

    def test_a_snapshot_counts_what_is_live_or_parked_and_nothing_that_has_ended(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([*some_jobs(4, queue="küche"), a_scheduled_job(3_600, queue="küche"), a_job(queue="a")])
        taken = broker.claim(["küche"], 3, child)
        broker.settle([an_outcome(taken[0]), an_outcome(taken[1], State.PARKED)])
        ended_job(broker)
        queues = broker.snapshot().queues
        assert [queue.name for queue in queues] == ["a", "küche"]
        assert [(queue.waiting, queue.scheduled, queue.running, queue.parked) for queue in queues] == [
            (1, 0, 0, 0), (1, 1, 1, 1),
        ]  # fmt: skip

    def test_a_snapshot_names_the_waiting_job_that_arrived_first_whatever_its_priority(self, broker: Engine) -> None:
        first, *others = [a_job(queue="a", priority=priority) for priority in (-100, 3, 3, 100)]
        broker.push([first])
        broker.push(others)
        assert queue(broker, "a").oldest == known(broker, first.id).created
        claim_one(broker, a_child(broker), "a")
        assert queue(broker, "a").oldest == known(broker, first.id).created, "the most urgent has gone, not the oldest"
        broker.control(Cancel((first.id,)))
        assert queue(broker, "a").oldest == known(broker, others[0].id).created

    def test_a_job_that_was_scheduled_waits_since_it_was_due(self, broker: Engine) -> None:
        broker.push([a_scheduled_job(0.01, queue="a")])
        assert queue(broker, "a").oldest is None
        deadline = time.monotonic() + 30.0
        while not queue(broker, "a").waiting and time.monotonic() < deadline:
            broker.promote(10)
            time.sleep(0.01)
        found = queue(broker, "a")
        [job] = broker.find({"queue": "a"}, 1)
        assert found.oldest == pytest.approx(max(job.run_at or 0.0, job.created or 0.0))

    def test_a_paused_queue_is_in_a_snapshot_also_where_it_is_empty(self, broker: Engine) -> None:
        broker.control(Pause(("a",)))
        assert queue(broker, "a") == QueueInfo(name="a", paused=True)
        broker.control(Resume(("a",)))
        assert broker.snapshot().queues == []

    def test_between_two_snapshots_the_number_of_arrivals_is_known(self, broker: Engine) -> None:
        broker.push([a_job()])
        before = broker.snapshot()
        broker.push(some_jobs(3))
        after = broker.snapshot()
        assert after.newest - before.newest == 3
        assert after.time >= before.time

    def test_failures_are_the_jobs_that_failed_lately_the_latest_first(self, broker: Engine) -> None:
        old = ended(broker, age=7_200)
        jobs = [ended(broker, age=age) for age in (60, 30, 1)]
        ended_job(broker)
        ended(broker, State.CANCELLED)
        assert ids(broker.failures(3_600, 10)) == ids(jobs[::-1])
        assert ids(broker.failures(3_600, 2)) == ids(jobs[:0:-1])
        assert old.id in ids(broker.failures(86_400, 10))

    def test_failures_are_whole_records(self, broker: Engine) -> None:
        ended(broker)
        [found] = broker.failures(60, 10)
        assert found == known(broker, found.id)

    def test_a_retry_is_no_failure(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        broker.settle([an_outcome(job, State.WAITING, failure=a_failure(), run_at=time.time())])
        assert broker.failures(3_600, 10) == []
