"""Moving between any two engines, on their real servers: each to each, and nothing of a job is lost on the way."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from celeriac.engine.brokers.base import Pace, Pause, Unpark
from celeriac.engine.brokers.factory import connect
from celeriac.engine.job import State
from celeriac.engine.signing import Signer
from celeriac.moving import Move, total
from celeriac.testing.conformance.scenario import a_child, a_failure, a_job, a_worker, an_outcome, claim_one
from tests.conformance.conftest import empty, mariadb, mariadb_alias, postgres, postgres_alias, sqlite_alias

__all__ = ["mariadb", "mariadb_alias", "postgres", "postgres_alias", "sqlite_alias"]

ENGINES = ("sqlite", "postgres", "mariadb", "valkey")
MARKS = {"postgres": [pytest.mark.postgres], "mariadb": [pytest.mark.mariadb]}
PAIRS = [
    pytest.param(pair, id=" to ".join(pair), marks=[mark for engine in pair for mark in MARKS.get(engine, ())])
    for pair in itertools.permutations(ENGINES, 2)
]
LATER = float(int(time.time()) + 10_000)
KEPT = (
    "task", "queue", "payload", "priority", "state", "run_at", "expires", "attempts", "headers", "metadata", "root", "parent",
    "group", "position", "unique_key", "fairness_key", "schedule", "nominal",
)  # fmt: skip


@pytest.fixture(params=PAIRS)
def urls(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Where from and where to, both empty."""
    return tuple(url_of(request, engine) for engine in request.param)


def url_of(request: pytest.FixtureRequest, engine: str) -> str:
    if engine != "valkey":
        alias = request.getfixturevalue(f"{engine}_alias")
        empty(alias)
        return f"django://{alias}"
    url: str = request.getfixturevalue("valkey").url()
    broker = connect(url)
    broker.client.flushdb()
    broker.close()
    return url


@pytest.fixture
def ends(urls: tuple[str, str]) -> Iterator[tuple[Any, Any]]:
    """Both brokers."""
    source, target = map(connect, urls)
    yield source, target
    source.close()
    target.close()
    for url in urls:
        if url.startswith("django:"):
            connections[url.removeprefix("django://")].close()


def fill(broker: Any) -> list[str]:
    """Enqueue one job of each kind; return their ids in the order in which they came."""
    worker = a_worker(broker)
    child = a_child(broker, worker)
    full: dict[str, Any] = {
        "headers": {"tenant": "\u4e2d"}, "metadata": {"a": [1]}, "root": "r", "parent": "p", "group": "g", "position": 3,
        "unique_key": "u", "fairness_key": "f", "schedule": "s", "nominal": LATER, "expires": LATER, "priority": 4,
    }  # fmt: skip
    broker.push([a_job("parked", attempts=1), a_job("parked-later")])
    for job in broker.claim(["default"], 2, child):
        broker.settle([an_outcome(job, State.PARKED, failure=a_failure(f"why {job.id}"), counts=False)])
    broker.push([a_job("again", queue="again")])
    broker.settle([an_outcome(claim_one(broker, child, "again"), State.SCHEDULED, run_at=LATER, payload=b"[[2],{},{}]")])
    broker.push([a_job("full", **full), a_job("later", state=State.SCHEDULED, run_at=LATER), a_job("plain")])
    broker.control(Pause(("again", "empty")))
    broker.control(Pace("limited", 7.5))
    broker.leave(worker)
    return ["parked", "parked-later", "again", "full", "later", "plain"]


def test_each_kind_of_job_arrives_whole_and_so_do_pauses_and_rates(urls: tuple[str, str], ends: tuple[Any, Any]) -> None:
    source, target = ends
    listed = fill(source)
    was = {id: source.get(id) for id in listed}
    move = Move(*urls)
    move.open()
    assert (total(source), total(target)) == (6, 0)
    assert move.run() == 6
    assert (move.left(), total(source), total(target)) == (0, 0, 6)
    move.close()
    for id in listed:
        now = target.get(id)
        assert {name: getattr(now, name) for name in KEPT} == {name: getattr(was[id], name) for name in KEPT}, id
        assert source.get(id) is None
    assert [target.attempts(id)[-1].failure.message for id in ("parked", "parked-later")] == ["why parked", "why parked-later"]
    assert {queue.name for queue in target.snapshot().queues if queue.paused} == {"again", "empty"}
    assert target.paced() == {"limited": 7.5}
    assert (source.paced(), [queue for queue in source.snapshot().queues if queue.paused]) == ({}, [])


def test_what_was_signed_is_still_trusted_where_it_was_moved_to(urls: tuple[str, str], ends: tuple[Any, Any]) -> None:
    source, target = ends
    signer = Signer(["the key that signs"])
    times = {"run_at": time.time() - 0.123456789, "expires": LATER + 0.987654321}
    jobs = [a_job("waits", expires=times["expires"]), a_job("due", state=State.SCHEDULED, **times)]
    for job in jobs:
        job.payload = signer.sign(job, job.payload, job.queue)
    source.push(jobs)
    move = Move(*urls)
    move.open()
    assert move.run() == 2
    move.close()
    for job in jobs:
        signer.verify(target.get(job.id), time.time())


def test_what_was_tried_before_goes_on_where_it_was(urls: tuple[str, str], ends: tuple[Any, Any]) -> None:
    source, target = ends
    source.push([a_job("parked", attempts=3)])
    worker = a_worker(source)
    source.settle([an_outcome(claim_one(source, a_child(source, worker)), State.PARKED, failure=a_failure(), counts=False)])
    source.leave(worker)
    source.push([a_job("tried", attempts=2)])
    move = Move(*urls)
    move.open()
    move.run()
    move.close()
    assert target.control(Unpark(("parked",))) == 1
    child = a_child(target)
    claimed = {job.id: job for job in target.claim(["default"], 10, child)}
    assert {id: job.attempts for id, job in claimed.items()} == {"parked": 3, "tried": 2}
    target.settle([an_outcome(job) for job in claimed.values()])
    assert [target.get(id).attempts for id in ("parked", "tried")] == [4, 3]
