"""What the in-memory broker does with the time it is given; all else is in tests/conformance."""

from __future__ import annotations

import pytest

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Outcome
from celeriac.testing.clock import FakeClock


@pytest.fixture
def clock():
    return FakeClock(wall=1_000.0)


@pytest.fixture
def broker(clock):
    broker = MemoryBroker(clock)
    worker = WorkerInfo(id="worker", name="w", host="h", pid=1, pool="prefork", concurrency=1, queues=["default"])
    broker.join(worker, 15)
    broker.enrol("worker", "child")
    yield broker
    broker.close()


def a_job(id, **fields):
    return Job(id=id, task="t", queue="default", payload=b"", **fields)


def test_a_lease_runs_out_when_its_time_has_passed(broker, clock):
    broker.push([a_job("one")])
    broker.claim(["default"], 1, "child")
    clock.advance(14.9)
    assert broker.rescue() == 0
    clock.advance(0.2)
    assert broker.rescue() == 1
    assert broker.renew("worker", 15) is False


def test_a_renewed_lease_lasts_from_its_renewal(broker, clock):
    clock.advance(10)
    assert broker.renew("worker", 15) is True
    clock.advance(14)
    broker.rescue()
    assert broker.renew("worker", 15) is True


def test_a_scheduled_job_waits_until_its_time(broker, clock):
    broker.push([a_job("one", state=State.SCHEDULED, run_at=1_030.0)])
    assert broker.promote(10) == 30
    clock.advance(29)
    assert broker.promote(10) == 1
    assert broker.claim(["default"], 1, "child") == []
    clock.advance(1)
    assert broker.promote(10) is None
    assert [job.id for job in broker.claim(["default"], 1, "child")] == ["one"]


def test_records_say_when_things_happened(broker, clock):
    broker.push([a_job("one")])
    clock.advance(5)
    (job,) = broker.claim(["default"], 1, "child")
    assert broker.get("one").started is None
    broker.begin([job.token])
    clock.advance(5)
    broker.begin([job.token])
    record = broker.get("one")
    assert (record.created, record.started, record.worker) == (1_000.0, 1_005.0, "worker")


def test_pruning_goes_by_the_clock(broker, clock):
    broker.push([a_job("one")])
    (job,) = broker.claim(["default"], 1, "child")
    broker.settle([Outcome(token=job.token, state=State.SUCCEEDED, started=1_000.0, finished=1_001.0)])
    clock.advance(60)
    assert broker.prune({State.SUCCEEDED: 60}, 10) == 0
    clock.advance(2)
    assert broker.prune({State.SUCCEEDED: 60}, 10) == 1


def test_a_leader_leads_until_its_time_has_passed(broker, clock):
    leader = broker.leader("upkeep")
    leader.acquire("one", 10)
    clock.advance(10)
    assert leader.acquire("two", 10) is False
    clock.advance(0.1)
    assert leader.acquire("two", 10) is True


def test_an_outcome_that_is_no_ending_is_refused_before_anything_changes(broker):
    broker.push([a_job("one"), a_job("two")])
    one, two = broker.claim(["default"], 2, "child")
    good = Outcome(token=one.token, state=State.SUCCEEDED, started=0, finished=1)
    bad = Outcome(token=two.token, state=State.BLOCKED, started=0, finished=1)
    with pytest.raises(ValueError, match="'blocked'"):
        broker.settle([good, bad])
    assert broker.held("child") == {one.token, two.token}


def test_a_search_by_an_unknown_filter_is_an_error(broker):
    with pytest.raises(KeyError, match="colour"):
        broker.find({"colour": "red"}, 10)


def test_closing_lets_go_of_the_descriptor(broker):
    notifier = broker.notifier()
    notifier.arm("child", ["default"])
    notifier.watch()
    broker.close()
    broker.push([a_job("one")])
    assert notifier.drain() is False
    assert broker.get("one").state is State.WAITING


def test_time_does_not_run_backwards(clock):
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
    clock.set_wall(5.0)
    clock.advance(1.5)
    assert (clock.wall(), clock.monotonic()) == (6.5, 1_001.5)
