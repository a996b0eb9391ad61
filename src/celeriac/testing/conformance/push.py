"""Accepting jobs."""

from __future__ import annotations

import threading

import pytest

from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import (
    Engine,
    MakeEngine,
    a_child,
    a_job,
    a_scheduled_job,
    an_outcome,
    another,
    claim_one,
    drain,
    ids,
    known,
    some_jobs,
    start,
    state_of,
)


class PushSuite:
    """Accepting jobs."""

    def test_a_pushed_job_can_be_claimed(self, broker: Engine) -> None:
        job = a_job(payload=b'[["oak"],{},{}]')
        broker.push([job])
        claimed = claim_one(broker, a_child(broker))
        assert (claimed.id, claimed.task, claimed.queue, claimed.payload) == (job.id, job.task, job.queue, job.payload)

    def test_pushing_nothing_is_fine(self, broker: Engine) -> None:
        broker.push([])
        assert broker.claim(["default"], 10, a_child(broker)) == []

    def test_a_repeated_push_is_ignored(self, broker: Engine) -> None:
        job = a_job()
        broker.push([job])
        broker.push([a_job(job.id, payload=b"other")])
        assert [job.payload for job in broker.claim(["default"], 10, a_child(broker))] == [job.payload]

    def test_a_job_twice_in_one_push_is_accepted_once(self, broker: Engine) -> None:
        job, other = a_job(), a_job()
        broker.push([job, a_job(job.id), other])
        assert ids(broker.claim(["default"], 10, a_child(broker))) == [job.id, other.id]

    def test_a_repeat_beside_new_jobs_does_not_keep_them_out(self, broker: Engine) -> None:
        job, new = a_job(), a_job()
        broker.push([job])
        broker.push([a_job(job.id), new])
        assert ids(broker.claim(["default"], 10, a_child(broker))) == [job.id, new.id]

    def test_a_repeated_push_leaves_a_running_job_alone(self, broker: Engine) -> None:
        job, child = a_job(), a_child(broker)
        broker.push([job])
        claimed = claim_one(broker, child)
        broker.push([job])
        assert broker.claim(["default"], 10, child) == []
        assert broker.settle([an_outcome(claimed)]) == set()

    def test_a_repeated_push_does_not_run_an_ended_job_again(self, broker: Engine) -> None:
        job, child = a_job(), a_child(broker)
        broker.push([job])
        broker.settle([an_outcome(claim_one(broker, child))])
        broker.push([job])
        assert broker.claim(["default"], 10, child) == []
        assert state_of(broker, job) is State.SUCCEEDED

    def test_a_repeated_push_does_not_bring_a_scheduled_job_forward(self, broker: Engine) -> None:
        if not broker.capabilities.delay:
            pytest.skip("this broker has no delays")
        job = a_scheduled_job(3_600)
        broker.push([job])
        broker.push([a_job(job.id)])
        assert broker.claim(["default"], 10, a_child(broker)) == []

    def test_pushes_of_one_job_from_two_connections_make_one_job(self, broker: Engine, make_broker: MakeEngine) -> None:
        jobs = some_jobs(30)
        gate = threading.Barrier(2)

        def push() -> None:
            with another(make_broker) as connection:
                for job in jobs:
                    gate.wait(30)
                    connection.push([job])

        for actor in [start(push), start(push)]:
            actor.finish()
        assert sorted(drain(broker, a_child(broker), "default", 7)) == sorted(ids(jobs))

    @pytest.mark.parametrize("many", [1, 3])
    def test_a_job_that_was_tried_at_another_broker_goes_on_counting(self, broker: Engine, many: int) -> None:
        tried, child = a_job(attempts=2), a_child(broker)
        broker.push([*some_jobs(many - 1), tried])
        assert known(broker, tried.id).attempts == 2
        claimed = {job.id: job for job in broker.claim(["default"], 10, child)}
        assert sorted(job.attempts for job in claimed.values()) == [0] * (many - 1) + [2]
        broker.settle([an_outcome(claimed[tried.id])])
        assert known(broker, tried.id).attempts == 3

    def test_a_scheduled_job_that_was_tried_at_another_broker_goes_on_counting(self, broker: Engine) -> None:
        if not broker.capabilities.delay:
            pytest.skip("this broker has no delays")
        job = a_scheduled_job(-1, attempts=2)
        broker.push([job])
        broker.promote(10)
        assert claim_one(broker, a_child(broker)).attempts == 2

    def test_a_pushed_job_is_not_tied_to_the_object_that_was_pushed(self, broker: Engine) -> None:
        job = a_job(headers={"colour": "red"})
        broker.push([job])
        job.queue = "elsewhere"
        assert known(broker, job.id).queue == "default"
        claimed = claim_one(broker, a_child(broker))
        claimed.task = "changed by its claimer"
        assert known(broker, job.id).task == "shop.tasks.pack"
