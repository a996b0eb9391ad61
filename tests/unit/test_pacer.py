from __future__ import annotations

from typing import Any

import pytest

from celeriac.app import Celery
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.ipc.slots import local_slot
from celeriac.engine.options import WorkerOptions
from celeriac.engine.worker.child import Child
from celeriac.engine.worker.pacer import Pacer
from tests.unit.conftest import Worker


@pytest.fixture
def pacer(app: Celery, broker: MemoryBroker, worker: Worker) -> Pacer:
    for name, rate in (("limited", "1/h"), ("free", None)):
        app.task(name=name, rate_limit=rate)(lambda: None)
    app.finalize()
    return Pacer(app.registry, broker, every=0)


def claimed(broker: MemoryBroker) -> list[Any]:
    return broker.claim(["celery"], 100, "c")


def test_of_a_limited_task_one_begins_and_of_others_all(app: Celery, broker: MemoryBroker, pacer: Pacer) -> None:
    for name in ("limited", "free", "limited", "free", "free"):
        app.send_task(name)
    pacer.refresh()
    assert [job.task for job in pacer.admit(claimed(broker))] == ["limited", "free", "free", "free"]
    assert broker.promote(10) == pytest.approx(3600.0)


def test_without_a_limited_task_the_broker_is_not_asked(
    app: Celery, broker: MemoryBroker, pacer: Pacer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(MemoryBroker, "admit")
    app.send_task("free")
    pacer.refresh()
    jobs = claimed(broker)
    assert pacer.admit(jobs) is jobs


def test_a_rate_set_at_run_time_is_obeyed_after_the_next_refresh(app: Celery, broker: MemoryBroker, pacer: Pacer) -> None:
    pacer.refresh()
    app.control.rate_limit("free", "2/h")
    app.control.rate_limit("limited", 0)
    pacer.refresh()
    for name in ("free", "free", "limited", "limited"):
        app.send_task(name)
    assert [job.task for job in pacer.admit(claimed(broker))] == ["free", "limited", "limited"]
    assert app.control.rate_limit("free", None) == 1, "what was put off waits again"
    pacer.refresh()
    assert [job.task for job in pacer.admit(claimed(broker))] == ["free"]


def test_a_refresh_is_made_now_and_then_and_not_each_time(app: Celery, broker: MemoryBroker, pacer: Pacer) -> None:
    seldom = Pacer(app.registry, broker, every=1e9)
    seldom.refresh()
    app.control.rate_limit("free", "2/h")
    seldom.refresh()
    for _ in range(2):
        app.send_task("free")
    assert len(seldom.admit(claimed(broker))) == 2


def test_a_rate_that_is_none_is_refused_at_run_time_too(app: Celery) -> None:
    with pytest.raises(ValueError, match="free: rate_limit is 'often'"):
        app.control.rate_limit("free", "often")


class MemoryProject:
    """As much of a project as a child needs."""

    def __init__(self, app: Celery, broker: MemoryBroker) -> None:
        self.registry, self.options = app.registry, WorkerOptions(name="w@test", pool="solo", concurrency=1)
        self.connect, self.runner = broker.clone, app.runner

    def between_jobs(self) -> None:
        """Nothing to close."""


def test_a_child_claims_past_what_is_put_off(app: Celery, broker: MemoryBroker, worker: Worker) -> None:
    for name in ("hourly", "daily", "free"):
        app.task(name=name, rate_limit=None if name == "free" else "1/h")(lambda: None)
    for name in ("hourly", "daily", "hourly", "daily", "free"):
        app.send_task(name)
    app.finalize()
    child = Child(MemoryProject(app, broker), "w", "c", local_slot().writer(0), None)
    child.pacer.refresh()
    assert [[job.task for job in child._claim(1)] for _ in range(4)] == [["hourly"], ["daily"], ["free"], []]
    child.sleeper.close()
    child.broker.close()
