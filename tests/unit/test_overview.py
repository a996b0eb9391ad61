"""How jobs are at a glance: rates, what nobody serves, failures by kind."""

from __future__ import annotations

import pytest

from celeriac import Celery
from celeriac.engine.brokers.base import QueueInfo, Snapshot
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.codec import encode_failure
from celeriac.engine.job import State
from celeriac.engine.outcome import Failure
from celeriac.overview import look, rates
from celeriac.testing.clock import FakeClock
from celeriac.testing.conformance.scenario import a_child, a_job, an_outcome, claim_one, some_jobs


def snapshot(time: float, newest: int, waiting: int) -> Snapshot:
    return Snapshot(time=time, newest=newest, queues=[QueueInfo(name="a", waiting=waiting)])


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        (snapshot(0, 10, 5), snapshot(2, 30, 5), (10.0, 10.0)),
        (snapshot(0, 10, 5), snapshot(2, 10, 1), (0.0, 2.0)),
        (snapshot(0, 10, 5), snapshot(4, 14, 9), (1.0, 0.0)),
        (snapshot(0, 10, 5), snapshot(1, 4, 5), (0.0, 0.0)),
        (None, snapshot(1, 4, 5), (None, None)),
        (snapshot(1, 4, 5), snapshot(1, 4, 5), (None, None)),
    ],
)
def test_two_snapshots_tell_how_fast_jobs_come_and_go(
    earlier: Snapshot | None, later: Snapshot, expected: tuple[float | None, float | None]
) -> None:
    assert rates(earlier, later) == expected


def test_an_overview_names_what_nobody_serves_and_how_long_the_oldest_waits(
    app: Celery, broker: MemoryBroker, clock: FakeClock
) -> None:
    a_child(broker)  # of a worker that serves the queue "default"
    broker.push(some_jobs(2))
    clock.advance(60)
    broker.push([a_job(queue="alone")])
    clock.advance(5)
    overview, _snapshot = look(app)
    assert overview.unserved == ["alone"]
    assert overview.oldest == pytest.approx(65)
    assert [worker.name for worker in overview.workers] == ["fig@tree"]


def test_failures_are_counted_by_task_and_kind(app: Celery, broker: MemoryBroker, clock: FakeClock) -> None:
    child = a_child(broker)
    for task, kind in (("ship", "KeyError"), ("pack", "ValueError"), ("pack", "OSError"), ("pack", "ValueError")):
        broker.push([a_job(task=task)])
        failure = Failure(type=kind, module="builtins", message="")
        now = clock.advance(1) or clock.wall()
        job = claim_one(broker, child)
        outcome = an_outcome(job, State.FAILED, failure=failure, result=encode_failure(failure), finished=now)
        broker.settle([outcome])
    overview, _snapshot = look(app)
    assert [(group.task, group.error, group.jobs) for group in overview.failures] == [
        ("pack", "ValueError", 2), ("pack", "OSError", 1), ("ship", "KeyError", 1),
    ]  # fmt: skip
    assert overview.failures[0].last == job.id
    assert overview.failed == 4
