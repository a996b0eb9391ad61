"""Moving to and from RabbitMQ: what is still with the server comes along, from queues that only the project can name, too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from celeriac.cli.migrate_broker import _move
from celeriac.engine.brokers.factory import connect
from celeriac.engine.job import State
from celeriac.moving import Move, total
from celeriac.testing.conformance.scenario import a_child, a_failure, a_job, a_worker, an_outcome, claim_one, ids, some_jobs
from celeriac.testing.rabbitmq import RabbitServer
from celeriac.testing.valkey import ValkeyServer
from tests.conformance.conftest import empty, sqlite_alias
from tests.outbox.conftest import valkey

__all__ = ["sqlite_alias", "valkey"]


@pytest.fixture
def rabbit_url(rabbitmq: RabbitServer, sqlite_alias: str) -> str:
    empty(sqlite_alias)
    rabbitmq.start()
    return rabbitmq.url(prefix=f"moving{os.getpid()}.", store=f"django://{sqlite_alias}")


@pytest.fixture
def rabbit(rabbit_url: str) -> Iterator[Any]:
    broker = connect(rabbit_url)
    broker.open()
    yield broker
    broker.close()


@pytest.fixture
def redis(valkey: ValkeyServer) -> Iterator[Any]:
    broker = connect(valkey.url())
    broker.client.flushdb()
    yield broker
    broker.close()


def moved(source: str, target: str, queues: tuple[str, ...] = ()) -> int:
    move = Move(source, target, queues=queues)
    move.open()
    try:
        return move.run()
    finally:
        move.close()


def test_what_the_server_has_and_what_its_store_has_is_moved(
    rabbit: Any, rabbit_url: str, redis: Any, valkey: ValkeyServer
) -> None:
    worker = a_worker(rabbit)
    rabbit.inner.push([a_job("parked", queue="known")])
    parked = claim_one(rabbit.inner, a_child(rabbit, worker), "known")
    rabbit.settle([an_outcome(parked, State.PARKED, failure=a_failure("why"), counts=False)])
    rabbit.leave(worker)
    ahead, unknown = some_jobs(700, queue="known"), some_jobs(3, queue="only the project names it")
    rabbit.push([*ahead, *unknown, a_job("later", state=State.SCHEDULED, run_at=2e9)])
    assert moved(rabbit_url, valkey.url(), ("only the project names it",)) == 705
    assert (total(redis), rabbit.counts()) == (705, {})
    assert redis.attempts("parked")[-1].failure.message == "why"
    found = redis.find({"queue": "known", "state": State.WAITING}, 1000)
    assert ids(found[::-1]) == ids(ahead)


def test_jobs_move_to_the_server_and_come_from_there_as_they_were(
    rabbit: Any, rabbit_url: str, redis: Any, valkey: ValkeyServer
) -> None:
    tried = a_job("tried", attempts=2, headers={"tenant": 7})
    redis.push([tried, a_job("later", state=State.SCHEDULED, run_at=2e9)])
    assert moved(valkey.url(), rabbit_url) == 2
    assert total(redis) == 0
    rabbit.bring_in(["default"])
    job = claim_one(rabbit, a_child(rabbit))
    assert (job.id, job.attempts, job.headers) == ("tried", 2, {"tenant": 7})
    assert rabbit.get("later").state is State.SCHEDULED


def test_who_moves_to_rabbitmq_is_told_that_it_counts_messages(
    redis: Any, rabbit_url: str, valkey: ValkeyServer, capsys: pytest.CaptureFixture[str]
) -> None:
    redis.push(some_jobs(150))
    move = Move(valkey.url(), rabbit_url)
    try:
        assert _move(move, lambda total: None) == 0
    finally:
        move.close()
    said = capsys.readouterr().err
    assert "after   from 0, to 2\n" in said
    assert "counted by the message, which may have up to 100 jobs: 150 were moved" in said
