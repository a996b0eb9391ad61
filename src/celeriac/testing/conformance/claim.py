"""Handing out jobs."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import pytest

from celeriac.engine.errors import ChildIsDead, LeaseLost
from celeriac.engine.job import State
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
    drain,
    ids,
    known,
    some_jobs,
    start,
    state_of,
)


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

    def test_the_backlog_of_a_queue_is_what_waits_there_counted_up_to_a_limit(self, broker: Engine) -> None:
        assert broker.backlog("mail", 10) == 0
        broker.push([*some_jobs(5, queue="mail"), a_job(queue="mailing"), a_scheduled_job(600, queue="mail")])
        assert (broker.backlog("mail", 10), broker.backlog("mail", 3), broker.backlog("mailing", 3)) == (5, 3, 1)
        claimed = claim_one(broker, a_child(broker), "mail")
        assert broker.backlog("mail", 10) == 4, "one runs"
        broker.release([claimed.token])
        assert broker.backlog("mail", 10) == 5

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
