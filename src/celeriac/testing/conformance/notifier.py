"""Waking those who wait for work."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable

import pytest

from celeriac.engine.brokers.base import Cancel, Notifier, Pause, Resume, Unpark
from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import (
    PATIENCE,
    Engine,
    MakeEngine,
    a_child,
    a_job,
    a_scheduled_job,
    a_worker,
    an_outcome,
    another,
    claim_one,
    start,
)

QUIET = 0.2
"""Seconds without a wake-up after which there is none."""
SOON = 0.1
"""Who looks again before so many seconds does it for what nobody could wake it for; later, for what nobody did."""


def woken(notifier: Notifier, seconds: float = PATIENCE) -> bool:
    """Return whether a wake-up came within ``seconds``; forget it."""
    deadline = time.monotonic() + seconds
    while not notifier.drain():  # first: one that came with the answer to a statement does not show at the descriptor
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([notifier.fileno()], [], [], left)[0]:
            return notifier.drain()
    return True


def roused(notifier: Notifier, seconds: float) -> bool:
    """Return whether one who has just gone idle was woken, or found something at one of the looks that come soon after."""
    looks, deadline = notifier.poll_every < SOON, time.monotonic() + seconds
    while looks and (left := deadline - time.monotonic()) > 0:
        if woken(notifier, min(left, notifier.poll_every)) or notifier.changed():
            return True
    return woken(notifier, seconds)


Act = Callable[[], object]


def _rescue(broker: Engine) -> Act:
    child = _busy_child(broker)
    return lambda: broker.rescue(child)


def _release(broker: Engine) -> Act:
    broker.push([a_job()])
    job = claim_one(broker, a_child(broker))
    return lambda: broker.release([job.token])


def _leave(broker: Engine) -> Act:
    worker = a_worker(broker)
    _busy_child(broker, worker)
    return lambda: broker.leave(worker)


def _promote(broker: Engine) -> Act:
    broker.push([a_scheduled_job(-60)])
    return lambda: broker.promote(10)


def _requeue(broker: Engine) -> Act:
    broker.push([a_job()])
    job = claim_one(broker, a_child(broker))
    return lambda: broker.settle([an_outcome(job, State.WAITING)])


def _follow_up(broker: Engine) -> Act:
    broker.push([a_job(queue="first step")])
    job = claim_one(broker, a_child(broker), "first step")
    return lambda: broker.settle([an_outcome(job, follow_ups=(a_job(),))])


def _resume(broker: Engine) -> Act:
    broker.control(Pause(queues=("default",)))
    broker.push([a_job()])
    return lambda: broker.control(Resume(queues=("default",)))


def _unpark(broker: Engine) -> Act:
    broker.push([a_job()])
    job = claim_one(broker, a_child(broker))
    broker.settle([an_outcome(job, State.PARKED)])
    return lambda: broker.control(Unpark(ids=(job.id,)))


def _busy_child(broker: Engine, worker: str | None = None) -> str:
    child = a_child(broker, worker)
    broker.push([a_job()])
    claim_one(broker, child)
    return child


WAYS_BACK = {
    "rescue": _rescue, "release": _release, "leave": _leave, "promote": _promote, "requeue": _requeue,
    "follow-up": _follow_up, "resume": _resume, "unpark": _unpark,
}  # fmt: skip
"""How jobs come to wait other than by a push: each prepares, and returns the act itself."""


class NotifierSuite:
    """Wake-ups of idle children."""

    @pytest.fixture(autouse=True)
    def _wakes(self, broker: Engine) -> None:
        if not broker.capabilities.wakes:
            pytest.skip("this broker is polled")

    def test_there_is_a_descriptor_to_wait_for(self, broker: Engine) -> None:
        notifier = broker.notifier()
        notifier.arm(a_child(broker), ["default"])
        assert notifier.fileno() >= 0
        assert notifier.fileno() == notifier.fileno()

    def test_an_armed_child_is_woken_by_a_push_to_its_queue(self, broker: Engine, make_broker: MakeEngine) -> None:
        notifier = broker.notifier()
        notifier.arm(a_child(broker), ["other", "default"])
        notifier.drain()
        with another(make_broker) as producer:
            producer.push([a_job()])
            assert woken(notifier)

    def test_an_armed_child_is_woken_by_each_of_several_pushes(self, broker: Engine, make_broker: MakeEngine) -> None:
        child = a_child(broker)
        notifier = broker.notifier()
        with another(make_broker) as producer:
            for _ in range(3):
                notifier.arm(child, ["default"])
                notifier.drain()
                assert broker.claim(["default"], 10, child) == []
                producer.push([a_job()])
                assert woken(notifier)
                notifier.disarm(child)
                broker.settle([an_outcome(claim_one(broker, child))])

    def test_a_push_to_another_queue_wakes_nobody(self, broker: Engine, make_broker: MakeEngine) -> None:
        notifier = broker.notifier()
        notifier.arm(a_child(broker), ["default"])
        notifier.drain()
        with another(make_broker) as producer:
            producer.push([a_job(queue="elsewhere")])
            assert not woken(notifier, QUIET)
            producer.push([a_job()])
            assert woken(notifier)

    def test_a_disarmed_child_is_not_woken(self, broker: Engine, make_broker: MakeEngine) -> None:
        child = a_child(broker)
        notifier = broker.notifier()
        notifier.arm(child, ["default"])
        notifier.disarm(child)
        notifier.disarm("never-armed")
        notifier.drain()
        with another(make_broker) as producer:
            producer.push([a_job()])
            assert not woken(notifier, QUIET)

    def test_drain_forgets_wake_ups(self, broker: Engine, make_broker: MakeEngine) -> None:
        notifier = broker.notifier()
        notifier.arm(a_child(broker), ["default"])
        with another(make_broker) as producer:
            producer.push([a_job()])
            assert woken(notifier)
            assert notifier.drain() is False
            producer.push([a_job(queue="elsewhere")])
        assert not woken(notifier, 0)

    def test_two_jobs_wake_two_children(self, broker: Engine, make_broker: MakeEngine) -> None:
        with another(make_broker) as one, another(make_broker) as two:
            for connection in (one, two):
                connection.notifier().arm(a_child(connection), ["default"])
                connection.notifier().drain()
            broker.push([a_job(), a_job()])
            assert woken(one.notifier())
            assert woken(two.notifier())

    def test_a_keeper_is_woken_by_a_job_that_is_due_soon(self, broker: Engine, make_broker: MakeEngine) -> None:
        notifier = broker.notifier()
        notifier.watch()
        notifier.drain()
        with another(make_broker) as producer:
            producer.push([a_scheduled_job(0.1)])
            assert woken(notifier)

    def test_a_keeper_is_woken_by_a_retry_that_is_due_soon(self, broker: Engine, make_broker: MakeEngine) -> None:
        notifier = broker.notifier()
        notifier.watch()
        with another(make_broker) as other:
            other.push([a_job()])
            job = claim_one(other, a_child(other))
            notifier.drain()
            other.settle([an_outcome(job, State.SCHEDULED, run_at=time.time() + 0.2)])
            assert woken(notifier)

    def test_a_keeper_is_woken_by_a_cancellation(self, broker: Engine, make_broker: MakeEngine) -> None:
        notifier = broker.notifier()
        notifier.watch()
        with another(make_broker) as other:
            other.push([a_job()])
            job = claim_one(other, a_child(other))
            notifier.drain()
            other.control(Cancel(ids=(job.id,), terminate=True))
            assert woken(notifier)

    def test_children_on_several_connections_are_woken(self, broker: Engine, make_broker: MakeEngine) -> None:
        with another(make_broker) as one, another(make_broker) as two:
            for connection, queue in ((one, "first"), (two, "second")):
                connection.notifier().arm(a_child(connection), [queue])
                connection.notifier().drain()
            broker.push([a_job(queue="second"), a_job(queue="first")])
            assert woken(one.notifier())
            assert woken(two.notifier())

    @pytest.mark.parametrize("how", WAYS_BACK)
    def test_whatever_makes_jobs_wait_wakes(self, broker: Engine, make_broker: MakeEngine, how: str) -> None:
        notifier = broker.notifier()
        with another(make_broker) as other:
            act = WAYS_BACK[how](other)
            notifier.arm(a_child(broker), ["default"])
            notifier.drain()
            act()
            assert woken(notifier)

    def test_changed_tells_of_a_push_by_another_connection(self, broker: Engine, make_broker: MakeEngine) -> None:
        notifier = broker.notifier()
        notifier.arm(a_child(broker), ["default"])
        notifier.changed()
        with another(make_broker) as producer:
            producer.push([a_job()])
        assert notifier.changed() is True

    def test_no_wake_up_is_lost_between_the_last_claim_and_the_sleep(self, broker: Engine, make_broker: MakeEngine) -> None:
        number = 60
        settled = threading.Semaphore(1)

        def produce() -> None:
            with another(make_broker) as producer:
                for _ in range(number):
                    assert settled.acquire(timeout=PATIENCE)
                    producer.push([a_job()])

        producer = start(produce)
        child = a_child(broker)
        notifier = broker.notifier()
        done = 0
        while done < number:
            jobs = broker.claim(["default"], 5, child)
            if not jobs:
                notifier.arm(child, ["default"])
                jobs = broker.claim(["default"], 5, child)
                if not jobs:
                    assert roused(notifier, 10), f"asleep after {done} jobs, with one waiting"
                notifier.drain()
                notifier.disarm(child)
            broker.settle([an_outcome(job) for job in jobs])
            done += len(jobs)
            for _ in jobs:
                settled.release()
        producer.finish()
