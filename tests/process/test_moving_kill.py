"""``celeriac migrate-broker`` is killed in the middle; the same command then finishes, and each job is there once."""

from __future__ import annotations

import signal

import pytest

from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import Job, State
from celeriac.moving import PAGE, total
from celeriac.testing.valkey import ValkeyServer
from tests.outbox.conftest import valkey
from tests.process.smallsite import ALIAS, Project, Started

__all__ = ["valkey"]
pytestmark = pytest.mark.process


def test_a_move_that_is_killed_goes_on_where_it_was_and_the_counts_are_equal(site: Project, valkey: ValkeyServer) -> None:
    source, target = SQLBroker(ALIAS), RedisBroker(valkey.url())
    target.client.flushdb()
    jobs = [
        Job(id=f"{number:05}", task="shop.tasks.add", queue="celery", payload=b"[[1,2],{},{}]") for number in range(3 * PAGE)
    ]
    source.push(jobs)

    def move(**environment: str) -> Started:
        return site.start("manage.py", "celeriac", "migrate-broker", "django://default", valkey.url(), **environment)

    killed = move(CELERIAC_FAULT="after-move:2:kill")
    assert killed.wait() == -signal.SIGKILL, killed.printed()
    assert (total(source), total(target)) == (2 * PAGE, 2 * PAGE), "one page is on both sides"
    again = move()
    assert again.wait() == 0, again.printed()
    assert f"before  from {2 * PAGE}, to {2 * PAGE}" in again.printed()
    assert f"after   from 0, to {3 * PAGE}" in again.printed()
    assert target.counts() == {"celery": {State.WAITING: len(jobs)}}
    assert [job.id for job in reversed(target.find({}, 4 * PAGE))] == [job.id for job in jobs]
    target.close()
