"""A message that comes again after its job has ended and moved to a result store elsewhere: it is acknowledged unread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from celeriac.engine.brokers.rabbitmq.broker import RabbitBroker
from celeriac.engine.brokers.rabbitmq.conveyor import Conveyor
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.job import State
from celeriac.engine.worker import resultmover
from celeriac.testing.conformance.scenario import a_child, a_job, an_outcome, ids
from celeriac.testing.rabbitmq import RabbitServer
from tests.conformance.conftest import sqlite_alias
from tests.conformance.mixtures import Mixture, mixture
from tests.conformance.test_mixed import file_cache
from tests.rabbitmq.test_server import ready, turn_until

__all__ = ["file_cache", "sqlite_alias"]
QUEUE = "default"


@pytest.fixture
def mixed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Mixture:
    """Jobs in SQLite, whose results move to a cache as soon as they have ended."""
    monkeypatch.setattr(resultmover, "YOUNG", 0.0)
    found = mixture("sqlite+cache", request)
    found.empty()
    return found


@pytest.fixture
def rabbit(url: str, mixed: Mixture) -> Iterator[RabbitBroker]:
    broker = RabbitBroker(url, mixed.broker())
    broker.open()
    with closing(broker):
        yield broker


def cut_after_the_end(server: RabbitServer, rabbit: RabbitBroker, mixed: Mixture, conveyor: Conveyor) -> list[str]:
    """Publish three jobs, let two of them run and move, and cut the connection before their messages are acknowledged."""
    jobs = [a_job(queue=QUEUE) for _ in range(3)]
    for job in jobs:
        rabbit.push([job])
    turn_until(conveyor, lambda: rabbit.inner.backlog(QUEUE, 2) == 2)
    claimed = rabbit.claim([QUEUE], 2, a_child(rabbit))
    rabbit.settle([an_outcome(job, State.SUCCEEDED) for job in claimed])
    assert mixed.mover().move() == 2
    server.control("close_all_connections", "for a test")
    with pytest.raises(BrokerUnavailable):
        turn_until(conveyor, lambda: False)
    assert ready(server, rabbit.address.queue(QUEUE)) == 3, "none was acknowledged"
    return ids(jobs)


def test_a_job_that_has_ended_and_moved_is_not_run_for_its_message_that_comes_again(
    rabbitmq: RabbitServer, rabbit: RabbitBroker, mixed: Mixture
) -> None:
    with closing(rabbit.conveyor([QUEUE], 2, mixed.results())) as conveyor:
        *_ended, last = cut_after_the_end(rabbitmq, rabbit, mixed, conveyor)
        turn_until(conveyor, lambda: rabbit.get(last))
        turn_until(conveyor, lambda: ready(rabbitmq, rabbit.address.queue(QUEUE)) == 0)
        assert ids(rabbit.claim([QUEUE], 10, a_child(rabbit))) == [last]


def test_a_result_store_that_is_away_keeps_no_message_from_arriving(
    rabbitmq: RabbitServer, rabbit: RabbitBroker, mixed: Mixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(id: str) -> None:
        raise BrokerUnavailable("The cache is away.")

    results = mixed.results()
    with closing(rabbit.conveyor([QUEUE], 2, results)) as conveyor:
        sent = cut_after_the_end(rabbitmq, rabbit, mixed, conveyor)
        monkeypatch.setattr(results, "get", away)
        taken: list[str] = []
        child = a_child(rabbit)
        turn_until(conveyor, lambda: taken.extend(ids(rabbit.claim([QUEUE], 2, child))) or len(taken) == 3)
        assert taken == sent, "at least once, rather than not until the cache is back"
