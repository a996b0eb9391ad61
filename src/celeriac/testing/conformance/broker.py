"""Pushing, claiming, settling, and time: the way of a job when nothing goes wrong."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import pytest

from celeriac.engine.errors import ChildIsDead, LeaseLost
from celeriac.engine.job import Job, State
from celeriac.testing.conformance.scenario import (
    Engine,
    MakeEngine,
    a_child,
    a_failure,
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


def drain(broker: Engine, child: str, queue: str, batch: int) -> list[str]:
    """Claim until the queue gives nothing more; return the ids in the order they came."""
    taken: list[str] = []
    while jobs := broker.claim([queue], batch, child):
        taken += ids(jobs)
        assert len(taken) < 5_000, "the queue never gets empty"
    return taken


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

    def test_a_pushed_job_is_not_tied_to_the_object_that_was_pushed(self, broker: Engine) -> None:
        job = a_job(headers={"colour": "red"})
        broker.push([job])
        job.queue = "elsewhere"
        assert known(broker, job.id).queue == "default"
        claimed = claim_one(broker, a_child(broker))
        claimed.task = "changed by its claimer"
        assert known(broker, job.id).task == "shop.tasks.pack"


class ClaimSuite:
    """Handing out jobs."""

    def test_an_empty_queue_gives_nothing(self, broker: Engine) -> None:
        assert broker.claim(["default", "empty"], 10, a_child(broker)) == []

    def test_jobs_come_in_the_order_of_their_arrival(self, broker: Engine) -> None:
        jobs = some_jobs(25)
        broker.push(jobs[:10])
        for job in jobs[10:15]:
            broker.push([job])
        broker.push(jobs[15:])
        assert drain(broker, a_child(broker), "default", 4) == ids(jobs)

    def test_the_limit_of_a_claim_is_kept(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(5, queue="a") + some_jobs(5, queue="b"))
        assert len(broker.claim(["a", "b"], 3, child)) == 3
        assert len(broker.claim(["a", "b"], 4, child)) == 4
        assert broker.claim(["a", "b"], 0, child) == []
        assert len(broker.claim(["a", "b"], 100, child)) == 3

    def test_a_higher_priority_comes_first(self, broker: Engine) -> None:
        if not broker.capabilities.priority:
            pytest.skip("this broker has no priorities")
        low, normal, high, highest = (a_job(priority=priority) for priority in (-100, 0, 9, 100))
        broker.push([normal, low, highest])
        broker.push([high])
        assert ids(broker.claim(["default"], 10, a_child(broker))) == ids([highest, high, normal, low])

    def test_within_a_priority_jobs_keep_their_order(self, broker: Engine) -> None:
        if not broker.capabilities.priority:
            pytest.skip("this broker has no priorities")
        urgent, usual = some_jobs(6, priority=5), some_jobs(6)
        broker.push([job for pair in zip(usual, urgent, strict=True) for job in pair])
        assert drain(broker, a_child(broker), "default", 5) == ids(urgent + usual)

    def test_the_priority_is_kept(self, broker: Engine) -> None:
        job = a_job(priority=-7)
        broker.push([job])
        assert claim_one(broker, a_child(broker)).priority == -7
        assert known(broker, job.id).priority == -7

    def test_only_the_named_queues_are_claimed(self, broker: Engine) -> None:
        child = a_child(broker)
        first, second = a_job(queue="first"), a_job(queue="second")
        broker.push([first, second, a_job(queue="third")])
        assert ids(broker.claim(["second"], 10, child)) == [second.id]
        assert ids(broker.claim(["first", "second"], 10, child)) == [first.id]

    def test_queues_are_emptied_in_the_order_given(self, broker: Engine) -> None:
        first, second = some_jobs(3, queue="first"), some_jobs(3, queue="second")
        broker.push(first + second)
        assert ids(broker.claim(["second", "first"], 4, a_child(broker))) == ids([*second, first[0]])

    def test_a_claimed_job_is_not_claimed_again(self, broker: Engine) -> None:
        broker.push([a_job()])
        claim_one(broker, a_child(broker))
        assert broker.claim(["default"], 10, a_child(broker)) == []

    def test_a_claimed_job_is_running_and_carries_its_token(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(2))
        jobs = broker.claim(["default"], 10, child)
        assert [(job.state, job.child, job.delivery) for job in jobs] == [(State.RUNNING, child, 1)] * 2
        assert len({job.number for job in jobs}) == 2
        assert {state_of(broker, job) for job in jobs} == {State.RUNNING}

    def test_each_claim_of_a_job_counts_as_a_delivery(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        deliveries = []
        for _ in range(3):
            job = claim_one(broker, child)
            deliveries.append(job.delivery)
            broker.release([job.token])
        assert deliveries == [1, 2, 3]

    def test_held_lists_what_a_child_claimed(self, broker: Engine) -> None:
        child, other = a_child(broker), a_child(broker)
        broker.push(some_jobs(4))
        jobs = broker.claim(["default"], 3, child)
        claim_one(broker, other)
        assert broker.held(child) == {job.token for job in jobs}
        broker.settle([an_outcome(jobs[0])])
        assert broker.held(child) == {job.token for job in jobs[1:]}

    def test_an_unknown_child_gets_no_jobs(self, broker: Engine) -> None:
        broker.push([a_job()])
        with pytest.raises(ChildIsDead):
            broker.claim(["default"], 10, "nobody-enrolled-me")
        assert broker.held("nobody-enrolled-me") == set()

    def test_a_child_of_an_unknown_worker_cannot_enrol(self, broker: Engine) -> None:
        with pytest.raises(LeaseLost):
            broker.enrol("no-such-worker", "a-child")

    def test_several_children_share_a_worker(self, broker: Engine) -> None:
        worker = a_worker(broker)
        children = [a_child(broker, worker) for _ in range(3)]
        broker.push(some_jobs(3))
        assert [claim_one(broker, child).child for child in children] == children

    def test_names_outside_ascii_are_kept(self, broker: Engine) -> None:
        job = a_job(id="größe-日本", task="обед.задачи.варить", queue="küche-🍲")
        broker.push([job])
        claimed = claim_one(broker, a_child(broker), "küche-🍲")
        assert (claimed.id, claimed.task, claimed.queue) == (job.id, job.task, job.queue)

    def test_ids_and_names_of_255_characters_are_kept(self, broker: Engine) -> None:
        job = a_job(id="i" * 255, task="t" * 255, queue="q" * 255)
        broker.push([job, a_job(id="i" * 254 + "j", queue="q" * 254)])
        claimed = claim_one(broker, a_child(broker), "q" * 255)
        assert (claimed.id, claimed.task) == (job.id, job.task)

    def test_what_an_attempt_needs_comes_with_the_claim(self, broker: Engine) -> None:
        expires = time.time() + 600
        fields: dict[str, Any] = {"root": "r", "parent": "p", "group": "g", "position": 3, "headers": {"trace": ["ü", 1, None]}}
        broker.push([a_job(expires=expires, **fields)])
        claimed = claim_one(broker, a_child(broker))
        assert {name: getattr(claimed, name) for name in fields} == fields
        assert claimed.expires == pytest.approx(expires, abs=0.01)
        assert (claimed.attempts, claimed.charges) == (0, 0)

    @pytest.mark.parametrize("payload", [b"", b"\x00", bytes(range(256)), b"\xff\xfe" * 50_000, "🍲".encode()])
    def test_payloads_survive_whatever_their_bytes(self, broker: Engine, payload: bytes) -> None:
        broker.push([a_job(payload=payload)])
        claimed = claim_one(broker, a_child(broker))
        assert (type(claimed.payload), claimed.payload) == (bytes, payload)
        assert known(broker, claimed.id).payload == payload

    def test_no_job_goes_to_two_children(self, broker: Engine, make_broker: MakeEngine) -> None:
        jobs = some_jobs(400)
        broker.push(jobs)
        gate = threading.Barrier(4)

        def take(batch: int) -> list[str]:
            with another(make_broker) as connection:
                child = a_child(connection)
                gate.wait(30)
                return drain(connection, child, "default", batch)

        actors = [start(lambda batch=batch: take(batch)) for batch in (1, 2, 7, 20)]  # type: ignore[misc]  # a lambda with defaults
        taken = Counter(id for actor in actors for id in actor.finish())
        assert [id for id, times in taken.items() if times > 1] == []
        # A claim may pass over jobs that another connection is just looking at, so a child may stop early: not a loss.
        taken.update(drain(broker, a_child(broker), "default", 50))
        assert taken == Counter(ids(jobs))

    def test_every_job_runs_once_while_jobs_arrive_and_settle(self, broker: Engine, make_broker: MakeEngine) -> None:
        jobs = some_jobs(200)
        pushed = threading.Event()

        def produce() -> None:
            with another(make_broker) as connection:
                for index in range(0, len(jobs), 5):
                    connection.push(jobs[index : index + 5])
            pushed.set()

        def consume() -> list[str]:
            done: list[str] = []
            with another(make_broker) as connection:
                child = a_child(connection)
                last = False
                while not last:
                    last = pushed.is_set()
                    while taken := connection.claim(["default"], 6, child):
                        assert connection.settle([an_outcome(job) for job in taken]) == set()
                        done += ids(taken)
            return done

        actors = [start(consume), start(consume), start(consume)]
        start(produce).finish()
        done = Counter(id for actor in actors for id in actor.finish())
        rest = broker.claim(["default"], 200, a_child(broker))
        assert done + Counter(ids(rest)) == Counter(ids(jobs))


class SettleSuite:
    """Ending attempts."""

    @pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED, State.PARKED])
    def test_a_settled_job_is_not_claimed_again(self, broker: Engine, state: State) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        assert broker.settle([an_outcome(job, state)]) == set()
        assert broker.held(child) == set()
        assert broker.claim(["default"], 10, child) == []
        assert broker.rescue(child) == 0
        assert state_of(broker, job) is state

    def test_settling_nothing_is_fine(self, broker: Engine) -> None:
        assert broker.settle([]) == set()

    def test_what_an_attempt_ended_in_is_recorded(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        outcome = an_outcome(job, result=b'{"leaves":3}', worker="fig@tree")
        broker.settle([outcome])
        record = known(broker, job.id)
        assert (record.state, record.result, record.attempts) == (State.SUCCEEDED, b'{"leaves":3}', 1)
        assert record.worker == "fig@tree"
        assert record.started == pytest.approx(outcome.started, abs=0.01)
        assert record.finished == pytest.approx(outcome.finished, abs=0.01)

    def test_a_batch_settles_each_job_its_own_way(self, broker: Engine) -> None:
        states = [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED, State.PARKED, State.WAITING]
        broker.push(some_jobs(len(states)))
        jobs = broker.claim(["default"], 10, a_child(broker))
        assert broker.settle([an_outcome(job, state) for job, state in zip(jobs, states, strict=True)]) == set()
        assert [state_of(broker, job) for job in jobs] == states

    def test_one_batch_settles_jobs_of_several_children(self, broker: Engine) -> None:
        children = [a_child(broker), a_child(broker)]
        broker.push(some_jobs(2))
        jobs = [claim_one(broker, child) for child in children]
        assert broker.settle([an_outcome(job) for job in jobs]) == set()
        assert {state_of(broker, job) for job in jobs} == {State.SUCCEEDED}

    def test_a_requeued_job_waits_again(self, broker: Engine) -> None:
        broker.push([a_job()])
        job = claim_one(broker, a_child(broker))
        assert broker.settle([an_outcome(job, State.WAITING, counts=False)]) == set()
        assert state_of(broker, job) is State.WAITING
        again = claim_one(broker, a_child(broker))
        assert (again.id, again.attempts, again.delivery) == (job.id, 0, 2)

    def test_an_attempt_that_counts_is_counted(self, broker: Engine) -> None:
        child = a_child(broker)
        job = a_job()
        broker.push([job])
        for attempts in range(3):
            claimed = claim_one(broker, child)
            assert claimed.attempts == attempts
            broker.settle([an_outcome(claimed, State.WAITING)])
        assert known(broker, job.id).attempts == 3

    def test_a_retry_waits_for_its_time(self, broker: Engine) -> None:
        if not broker.capabilities.delay:
            pytest.skip("this broker has no delays")
        child = a_child(broker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        run_at = time.time() + 3_600
        assert broker.settle([an_outcome(job, State.SCHEDULED, run_at=run_at, failure=a_failure())]) == set()
        record = known(broker, job.id)
        assert (record.state, record.attempts) == (State.SCHEDULED, 1)
        assert record.run_at == pytest.approx(run_at, abs=0.01)
        assert broker.promote(10) == pytest.approx(3_600, abs=60)
        assert broker.claim(["default"], 10, child) == []

    def test_a_retry_that_is_due_runs_again_with_its_attempts(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        broker.settle([an_outcome(job, State.SCHEDULED, run_at=time.time() - 60, failure=a_failure())])
        broker.promote(10)
        again = claim_one(broker, child)
        assert (again.id, again.attempts, again.payload) == (job.id, 1, job.payload)

    def test_a_retry_may_change_arguments_and_queue(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        job = claim_one(broker, child)
        run_at = time.time() - 60
        broker.settle([an_outcome(job, State.SCHEDULED, run_at=run_at, payload=b"[[2],{},{}]", queue="slow")])
        broker.promote(10)
        assert broker.claim(["default"], 10, child) == []
        again = claim_one(broker, child, "slow")
        assert (again.id, again.queue, again.payload) == (job.id, "slow", b"[[2],{},{}]")
        assert known(broker, job.id).queue == "slow"

    def test_a_retry_keeps_its_priority(self, broker: Engine) -> None:
        if not broker.capabilities.priority:
            pytest.skip("this broker has no priorities")
        child = a_child(broker)
        urgent = a_job(priority=5)
        broker.push([urgent])
        broker.settle([an_outcome(claim_one(broker, child), State.SCHEDULED, run_at=time.time() - 60)])
        broker.push(some_jobs(2))
        broker.promote(10)
        assert claim_one(broker, child).id == urgent.id

    def test_follow_ups_are_pushed_with_the_outcome(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push([a_job()])
        next_step, delayed = a_job(queue="next", parent="p"), a_scheduled_job(3_600, queue="next")
        assert broker.settle([an_outcome(claim_one(broker, child), follow_ups=(next_step, delayed))]) == set()
        assert ids(broker.claim(["next"], 10, child)) == [next_step.id]
        assert state_of(broker, delayed) is State.SCHEDULED

    def test_a_follow_up_that_exists_is_left_alone(self, broker: Engine) -> None:
        child = a_child(broker)
        existing = a_job(queue="next", payload=b"first")
        broker.push([existing, a_job()])
        broker.settle([an_outcome(claim_one(broker, child), follow_ups=(a_job(existing.id, queue="next", payload=b"second"),))])
        assert [job.payload for job in broker.claim(["next"], 10, child)] == [b"first"]


class TimeSuite:
    """Jobs with a time of their own."""

    @pytest.fixture(autouse=True)
    def _delay(self, broker: Engine) -> None:
        if not broker.capabilities.delay:
            pytest.skip("this broker has no delays")

    def test_nothing_scheduled_means_nothing_to_wait_for(self, broker: Engine) -> None:
        broker.push([a_job()])
        assert broker.promote(10) is None

    def test_a_scheduled_job_is_not_claimed_before_its_time(self, broker: Engine) -> None:
        job = a_scheduled_job(3_600)
        broker.push([job])
        broker.promote(10)
        assert broker.claim(["default"], 10, a_child(broker)) == []
        record = known(broker, job.id)
        assert record.state is State.SCHEDULED
        assert record.run_at == pytest.approx(job.run_at, abs=0.01)

    def test_a_due_job_waits_after_promotion(self, broker: Engine) -> None:
        job = a_scheduled_job(-60)
        broker.push([job])
        assert broker.promote(10) is None
        assert state_of(broker, job) is State.WAITING
        assert claim_one(broker, a_child(broker)).id == job.id

    def test_promotion_tells_when_the_next_is_due(self, broker: Engine) -> None:
        broker.push([a_scheduled_job(7_200), a_scheduled_job(600), a_scheduled_job(-60)])
        assert broker.promote(10) == pytest.approx(600, abs=60)

    def test_the_job_that_is_due_longest_is_promoted_first(self, broker: Engine) -> None:
        child = a_child(broker)
        late, later, latest = (a_scheduled_job(-seconds) for seconds in (10, 300, 600))
        broker.push([late, latest])
        broker.push([later])
        order = []
        for _ in range(3):
            broker.promote(1)
            order += ids(broker.claim(["default"], 10, child))
        assert order == ids([latest, later, late])

    def test_promotion_keeps_its_limit(self, broker: Engine) -> None:
        broker.push([a_scheduled_job(-60) for _ in range(5)])
        left = broker.promote(3)
        assert left is not None
        assert left <= 0
        assert len(broker.claim(["default"], 10, a_child(broker))) == 3
        assert broker.promote(10) is None

    def test_two_promoters_promote_each_job_once(self, broker: Engine, make_broker: MakeEngine) -> None:
        jobs = [a_scheduled_job(-60) for _ in range(100)]
        broker.push(jobs)
        gate = threading.Barrier(2)

        def promote() -> None:
            with another(make_broker) as connection:
                gate.wait(30)
                for _ in range(200):
                    if connection.promote(3) is None:
                        return

        for actor in [start(promote), start(promote)]:
            actor.finish()
        assert Counter(drain(broker, a_child(broker), "default", 9)) == Counter(ids(jobs))

    def test_expiry_and_times_are_stored(self, broker: Engine) -> None:
        now = time.time()
        job = a_job(expires=now + 0.5, schedule="nightly", nominal=now - 3)
        broker.push([job])
        record = known(broker, job.id)
        assert record.expires == pytest.approx(now + 0.5, abs=0.01)
        assert record.nominal == pytest.approx(now - 3, abs=0.01)
        assert record.schedule == "nightly"
        assert record.created == pytest.approx(now, abs=60)


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
