"""Moving between a database and a real Valkey server, both ways; interrupted, and with workers in the way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from celeriac.cli import main
from celeriac.engine.brokers.base import Unpark, WorkerInfo
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Failure, Outcome
from celeriac.moving import PAGE, Move, total
from celeriac.testing.valkey import ValkeyServer

pytestmark = pytest.mark.django_db(transaction=True)
DATABASE = "django://default"
LATER = time.time() + 10_000


@pytest.fixture
def redis(valkey: ValkeyServer) -> Iterator[RedisBroker]:
    broker = RedisBroker(valkey.url())
    broker.client.flushdb()
    yield broker
    broker.close()


@pytest.fixture(params=["to Valkey", "from Valkey"])
def ends(request: pytest.FixtureRequest, redis: RedisBroker, valkey: ValkeyServer) -> tuple[Any, Any, str, str]:
    """Both brokers, from where first, and their URLs."""
    database = SQLBroker("default")
    if request.param == "to Valkey":
        return database, redis, DATABASE, valkey.url()
    return redis, database, valkey.url(), DATABASE


def job(id: str, **fields: Any) -> Job:
    return Job(**{"id": id, "task": "t", "queue": "celery", "payload": b"[[1],{},{}]", **fields})


def claimer(broker: Any, name: str = "w") -> str:
    info = WorkerInfo(id=name, name=name, host="h", pid=1, pool="solo", concurrency=1, queues=["celery"])
    broker.join(info, 60)
    broker.enrol(name, f"{name}-child")
    return f"{name}-child"


def park(broker: Any, id: str) -> None:
    broker.push([job(id, queue="parking")])
    [claimed] = broker.claim(["parking"], 1, claimer(broker, "p"))
    failure = Failure(type="NotRegistered", module="celeriac.exceptions", message="No task is registered as 't'.")
    broker.settle([Outcome(token=claimed.token, state=State.PARKED, started=1.0, finished=2.0, failure=failure, counts=False)])
    broker.leave("p")


def move(source: str, target: str) -> Move:
    found = Move(source, target)
    found.open()
    return found


def test_what_waits_is_delayed_or_parked_is_there_afterwards_and_here_no_more(ends: Any) -> None:
    source, target, *urls = ends
    source.push([job("a", priority=3, headers={"tenant": 7}, expires=LATER), job("b", state=State.SCHEDULED, run_at=LATER)])
    park(source, "c")
    before = {id: source.get(id) for id in "abc"}
    moving = move(*urls)
    assert moving.run() == 3
    assert (moving.left(), total(source), total(target)) == (0, 0, 3)
    assert [source.get(id) for id in "abc"] == [None, None, None]
    for id, was in before.items():
        now = target.get(id)
        for field in ("task", "queue", "payload", "priority", "state", "headers"):
            assert getattr(now, field) == getattr(was, field), (id, field)
    assert target.get("a").expires == pytest.approx(LATER)
    assert target.get("b").run_at == pytest.approx(LATER)
    assert target.attempts("c")[-1].failure.message == "No task is registered as 't'."


def test_a_parked_job_can_be_resumed_where_it_was_moved_to(ends: Any) -> None:
    source, target, *urls = ends
    park(source, "c")
    move(*urls).run()
    assert target.control(Unpark(("c",))) == 1
    assert [claimed.id for claimed in target.claim(["parking"], 10, claimer(target))] == ["c"]


def test_jobs_keep_their_order_over_many_pages(ends: Any) -> None:
    source, target, *urls = ends
    ids = [f"{number:05}" for number in range(2 * PAGE + 3)]
    source.push([job(id) for id in ids])
    assert move(*urls).run() == len(ids)
    child, claimed = claimer(target), []
    while jobs := target.claim(["celery"], 500, child):
        claimed += [taken.id for taken in jobs]
    assert claimed == ids


def test_a_move_that_is_interrupted_goes_on_and_doubles_nothing(ends: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target, *urls = ends
    source.push([job(f"{number:05}") for number in range(PAGE + 5)])
    park(source, "parked")
    interrupted = move(*urls)
    monkeypatch.setattr(interrupted.source, "control", interrupt)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run()
    assert total(source) == PAGE + 6
    assert total(target) > 0
    assert move(*urls).run() == PAGE + 6
    assert (total(source), total(target)) == (0, PAGE + 6)


def interrupt(*ignored: Any) -> int:
    raise KeyboardInterrupt


def test_a_job_that_has_run_there_meanwhile_is_not_run_again(ends: Any) -> None:
    source, target, *urls = ends
    source.push([job("a")])
    target.push([job("a")])  # as an interrupted move leaves it
    [claimed] = target.claim(["celery"], 1, claimer(target))
    target.settle([Outcome(token=claimed.token, state=State.SUCCEEDED, started=1.0, finished=2.0)])
    move(*urls).run()
    assert target.get("a").state is State.SUCCEEDED
    assert source.get("a") is None


def test_it_is_refused_while_workers_take_jobs_from_there(ends: Any) -> None:
    source, _target, *urls = ends
    claimer(source, "busy@host")
    with pytest.raises(ImproperlyConfigured, match=r"Workers still take jobs from .*busy@host"):
        move(*urls)


def test_what_a_killed_worker_held_is_moved_too(ends: Any) -> None:
    source, target, *urls = ends
    source.push([job("a")])
    info = WorkerInfo(id="dead", name="dead", host="h", pid=1, pool="solo", concurrency=1, queues=["celery"])
    source.join(info, 0.05)
    source.enrol("dead", "child")
    assert len(source.claim(["celery"], 1, "child")) == 1
    deadline = time.monotonic() + 10
    while source.workers():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert move(*urls).run() == 1
    assert target.get("a").state is State.WAITING


def test_the_command_counts_before_and_after(ends: Any, capsys: pytest.CaptureFixture[str]) -> None:
    source, _target, *urls = ends
    source.push([job("a"), job("b")])
    assert main(["migrate-broker", *urls]) == 0
    told = capsys.readouterr().err
    assert [line.split() for line in told.splitlines()] == [
        ["before", "from", "2,", "to", "0"],
        ["moved", "2"],
        ["after", "from", "0,", "to", "2"],
    ]


@pytest.mark.parametrize(
    ("urls", "why"),
    [
        (("memory://", DATABASE), "the memory of one process"),
        ((DATABASE, DATABASE), "both ends of the move"),
        ((DATABASE, "reddis://host"), "Did you mean 'redis'"),
        ((DATABASE, "unix:///nowhere/valkey.sock"), "valkey.sock"),
    ],
)
def test_what_cannot_be_is_answered_in_a_sentence(urls: Any, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate-broker", *urls]) == 1
    assert why in capsys.readouterr().err
