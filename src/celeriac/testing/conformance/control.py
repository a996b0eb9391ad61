"""What people ask of the queue: cancel, pause, resume, purge, unpark."""

from __future__ import annotations

import threading

import pytest

from celeriac.engine.brokers.base import Cancel, Pause, Purge, Resume, RunNow, Unpark
from celeriac.engine.job import Job, State
from celeriac.testing.conformance.scenario import (
    Engine,
    MakeEngine,
    a_child,
    a_job,
    a_scheduled_job,
    a_worker,
    an_outcome,
    another,
    claim_one,
    ids,
    known,
    some_jobs,
    start,
    state_of,
)


def parked_job(broker: Engine, task: str = "parked.task") -> Job:
    """Push a job and park it."""
    broker.push([a_job(queue="parking", task=task)])
    job = claim_one(broker, a_child(broker), "parking")
    broker.settle([an_outcome(job, State.PARKED)])
    return job


class CancelSuite:
    """Cancelling jobs."""

    def test_a_waiting_job_is_cancelled(self, broker: Engine) -> None:
        job, other = a_job(), a_job()
        broker.push([job, other])
        assert broker.control(Cancel(ids=(job.id,))) == 1
        record = known(broker, job.id)
        assert record.state is State.CANCELLED
        assert record.finished is not None
        assert ids(broker.claim(["default"], 10, a_child(broker))) == [other.id]

    def test_a_scheduled_job_is_cancelled_and_never_promoted(self, broker: Engine) -> None:
        job = a_scheduled_job(-60)
        broker.push([job])
        assert broker.control(Cancel(ids=(job.id,))) == 1
        assert broker.promote(10) is None
        assert broker.claim(["default"], 10, a_child(broker)) == []
        assert state_of(broker, job) is State.CANCELLED

    def test_a_parked_job_is_cancelled(self, broker: Engine) -> None:
        job = parked_job(broker)
        assert broker.control(Cancel(ids=(job.id,))) == 1
        assert state_of(broker, job) is State.CANCELLED
        assert broker.control(Unpark(ids=(job.id,))) == 0

    def test_a_running_job_runs_on_unless_its_end_is_asked_for(self, broker: Engine) -> None:
        worker = a_worker(broker)
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker, worker))
        assert broker.control(Cancel(ids=(job.id,))) == 0
        assert broker.doomed(worker) == set()
        assert state_of(broker, job) is State.RUNNING
        assert broker.settle([an_outcome(job)]) == set()
        assert state_of(broker, job) is State.SUCCEEDED

    @pytest.mark.parametrize("state", [State.SCHEDULED, State.WAITING])
    @pytest.mark.parametrize("terminate", [False, True])
    def test_a_job_cancelled_while_it_runs_is_not_tried_again(self, broker: Engine, state: State, terminate: bool) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        broker.control(Cancel(ids=(job.id,), terminate=terminate))
        assert broker.settle([an_outcome(job, state, run_at=0.0)]) == set()
        assert state_of(broker, job) is State.CANCELLED
        assert broker.promote(10) is None
        assert broker.claim(["default"], 10, a_child(broker)) == []

    def test_a_running_job_to_terminate_is_doomed_until_it_is_settled(self, broker: Engine) -> None:
        worker = a_worker(broker)
        child = a_child(broker, worker)
        broker.push(some_jobs(2))
        job, other = broker.claim(["default"], 2, child)
        assert broker.control(Cancel(ids=(job.id,), terminate=True)) == 1
        assert broker.doomed(worker) == {job.token}
        assert broker.doomed(a_worker(broker)) == set()
        assert state_of(broker, job) is State.RUNNING
        assert broker.settle([an_outcome(job, State.CANCELLED), an_outcome(other)]) == set()
        assert broker.doomed(worker) == set()

    def test_a_doomed_job_may_still_succeed(self, broker: Engine) -> None:
        worker = a_worker(broker)
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker, worker))
        broker.control(Cancel(ids=(job.id,), terminate=True))
        assert broker.settle([an_outcome(job)]) == set()
        assert state_of(broker, job) is State.SUCCEEDED
        assert broker.doomed(worker) == set()

    def test_being_doomed_ends_with_the_claim(self, broker: Engine) -> None:
        worker = a_worker(broker)
        child = a_child(broker, worker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        broker.control(Cancel(ids=(job.id,), terminate=True))
        broker.settle([an_outcome(job, State.WAITING)])
        broker.claim(["default"], 1, child)
        assert broker.doomed(worker) == set()

    @pytest.mark.parametrize("terminate", [False, True])
    @pytest.mark.parametrize("way", ["release", "rescue", "leave"])
    def test_a_claimed_job_that_goes_back_after_its_cancellation_ends_cancelled(
        self, broker: Engine, way: str, terminate: bool
    ) -> None:
        worker = a_worker(broker)
        child = a_child(broker, worker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        broker.control(Cancel(ids=(job.id,), terminate=terminate))
        ways = {
            "release": lambda: broker.release([job.token]),
            "rescue": lambda: broker.rescue(child),
            "leave": lambda: broker.leave(worker),
        }
        assert ways[way]() == 1
        assert state_of(broker, job) is State.CANCELLED
        assert broker.claim(["default"], 10, a_child(broker)) == []
        assert broker.doomed(worker) == set()

    def test_terminate_cancels_what_does_not_run_too(self, broker: Engine) -> None:
        waiting, scheduled = a_job(), a_scheduled_job(3_600)
        broker.push([waiting, scheduled])
        assert broker.control(Cancel(ids=(waiting.id, scheduled.id), terminate=True)) == 2
        assert {state_of(broker, waiting), state_of(broker, scheduled)} == {State.CANCELLED}

    def test_an_ended_or_unknown_job_cannot_be_cancelled(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        broker.settle([an_outcome(job)])
        assert broker.control(Cancel(ids=(job.id, "no-such-id"), terminate=True)) == 0
        assert broker.control(Cancel(ids=())) == 0
        assert state_of(broker, job) is State.SUCCEEDED

    def test_a_cancel_racing_with_a_claim_wins_or_loses_wholly(self, broker: Engine, make_broker: MakeEngine) -> None:
        jobs = some_jobs(60)
        broker.push(jobs)
        gate = threading.Barrier(2)

        def cancel() -> int:
            with another(make_broker) as connection:
                gate.wait(30)
                return sum(connection.control(Cancel(ids=(job.id,))) for job in reversed(jobs))

        canceller = start(cancel)
        child = a_child(broker)
        gate.wait(30)
        claimed: list[Job] = []
        while taken := broker.claim(["default"], 1, child):
            claimed += taken
        cancelled = canceller.finish()
        claimed += broker.claim(["default"], 60, child)
        assert broker.settle([an_outcome(job) for job in claimed]) == set()
        states = [state_of(broker, job) for job in jobs]
        assert (states.count(State.CANCELLED), states.count(State.SUCCEEDED)) == (cancelled, len(claimed))
        assert cancelled + len(claimed) == len(jobs)


class PauseSuite:
    """Pausing queues."""

    def test_a_paused_queue_gives_nothing(self, broker: Engine) -> None:
        child = a_child(broker)
        closed, open_ = a_job(queue="closed"), a_job(queue="open")
        broker.push([closed, open_])
        assert broker.control(Pause(queues=("closed",))) == 1
        assert ids(broker.claim(["closed", "open"], 10, child)) == [open_.id]
        assert broker.claim(["closed"], 10, child) == []
        assert state_of(broker, closed) is State.WAITING

    def test_a_resumed_queue_gives_again(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.control(Pause(queues=("closed",)))
        jobs = some_jobs(2, queue="closed")
        broker.push(jobs)
        assert broker.claim(["closed"], 10, child) == []
        assert broker.control(Resume(queues=("closed",))) == 1
        assert ids(broker.claim(["closed"], 10, child)) == ids(jobs)

    def test_only_changes_are_counted(self, broker: Engine) -> None:
        assert broker.control(Resume(queues=("closed",))) == 0
        assert broker.control(Pause(queues=("closed", "shut"))) == 2
        assert broker.control(Pause(queues=("closed",))) == 0
        assert broker.control(Resume(queues=("closed", "open"))) == 1

    def test_what_runs_goes_on(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        broker.control(Pause(queues=("default",)))
        assert broker.begin([job.token]) == {job.token}
        assert broker.settle([an_outcome(job)]) == set()

    def test_jobs_that_go_back_to_a_paused_queue_stay_there(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(2))
        jobs = broker.claim(["default"], 2, child)
        broker.control(Pause(queues=("default",)))
        assert broker.release([job.token for job in jobs]) == 2
        assert broker.claim(["default"], 10, child) == []
        broker.control(Resume(queues=("default",)))
        assert len(broker.claim(["default"], 10, child)) == 2

    def test_a_pause_holds_for_every_connection(self, broker: Engine, make_broker: MakeEngine) -> None:
        broker.push([a_job()])
        with another(make_broker) as connection:
            connection.control(Pause(queues=("default",)))
        assert broker.claim(["default"], 10, a_child(broker)) == []


class PurgeSuite:
    """Emptying queues, and letting parked jobs go on."""

    def test_purge_cancels_what_waits_and_what_is_scheduled(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(4))
        running = claim_one(broker, child)
        scheduled, elsewhere = a_scheduled_job(3_600), a_job(queue="elsewhere")
        broker.push([scheduled, elsewhere])
        assert broker.control(Purge(queues=("default", "no-such-queue"))) == 4
        assert broker.claim(["default"], 10, child) == []
        assert broker.counts()["default"] == {State.RUNNING: 1, State.CANCELLED: 4}
        assert [state_of(broker, job) for job in (running, scheduled, elsewhere)] == [
            State.RUNNING,
            State.CANCELLED,
            State.WAITING,
        ]
        assert broker.promote(10) is None

    def test_purge_empties_a_paused_queue(self, broker: Engine) -> None:
        broker.push(some_jobs(3))
        broker.control(Pause(queues=("default",)))
        assert broker.control(Purge(queues=("default",))) == 3

    def test_purge_leaves_parked_jobs(self, broker: Engine) -> None:
        job = parked_job(broker)
        assert broker.control(Purge(queues=("parking",))) == 0
        assert state_of(broker, job) is State.PARKED

    def test_a_parked_job_waits_again_by_its_id(self, broker: Engine) -> None:
        job, other = parked_job(broker), parked_job(broker)
        assert broker.control(Unpark(ids=(job.id, "no-such-id"))) == 1
        again = claim_one(broker, a_child(broker), "parking")
        assert (again.id, again.payload) == (job.id, job.payload)
        assert state_of(broker, other) is State.PARKED
        assert broker.settle([an_outcome(job)]) == {job.token}
        assert broker.settle([an_outcome(again)]) == set()

    def test_parked_jobs_wait_again_by_the_names_of_their_tasks(self, broker: Engine) -> None:
        one, two, other = parked_job(broker, task="new"), parked_job(broker, task="new"), parked_job(broker, task="old")
        assert broker.control(Unpark(tasks=("new", "no.such.task"))) == 2
        assert sorted(ids(broker.claim(["parking"], 10, a_child(broker)))) == sorted([one.id, two.id])
        assert state_of(broker, other) is State.PARKED

    def test_only_parked_jobs_are_unparked(self, broker: Engine) -> None:
        broker.push([a_job(task="new")])
        assert broker.control(Unpark(tasks=("new",))) == 0
        assert broker.control(Unpark()) == 0
        claim_one(broker, a_child(broker))


class RunNowSuite:
    """Letting scheduled jobs wait before their time."""

    def test_a_scheduled_job_runs_now(self, broker: Engine) -> None:
        job, other = a_scheduled_job(3_600), a_scheduled_job(3_600)
        broker.push([job, other])
        assert broker.control(RunNow(ids=(job.id, "no-such-job"))) == 1
        assert state_of(broker, job) is State.WAITING
        assert ids(broker.claim(["default"], 10, a_child(broker))) == [job.id]
        assert state_of(broker, other) is State.SCHEDULED
        assert broker.control(RunNow(ids=(job.id,))) == 0

    def test_only_a_scheduled_job_is_made_to_run_now(self, broker: Engine) -> None:
        broker.push(some_jobs(2))
        running = claim_one(broker, a_child(broker))
        parked = parked_job(broker)
        waiting = broker.find({"state": State.WAITING}, 1)[0]
        assert broker.control(RunNow(ids=(running.id, parked.id, waiting.id))) == 0
        assert [state_of(broker, job) for job in (running, parked)] == [State.RUNNING, State.PARKED]
        assert len(broker.claim(["default"], 10, a_child(broker))) == 1


class ControlSuite(CancelSuite, PauseSuite, PurgeSuite, RunNowSuite):
    """Commands."""
