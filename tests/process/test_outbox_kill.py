"""A process that is killed between COMMIT and sending, or while it sends, loses no job and doubles none."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from django.db import connections

from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.codec import decode_result
from celeriac.engine.job import State
from celeriac.testing.valkey import ValkeyServer
from tests.outbox.conftest import valkey
from tests.process.smallsite import ALIAS, PATIENCE, Project, until

__all__ = ["valkey"]
pytestmark = pytest.mark.process

CALLER = """
import django, sys
django.setup()
from django.db import transaction
from shop.tasks import add

with transaction.atomic():
    print(add.delay(20, 22).id, flush=True)
"""


@pytest.fixture
def broker(valkey: ValkeyServer, site: Project) -> Iterator[RedisBroker]:
    """The project's queue is on the Valkey server, and empty."""
    site.configure(f"CELERY_BROKER_URL = {valkey.url()!r}")
    broker = RedisBroker(valkey.url())
    broker.client.flushdb()
    yield broker
    broker.close()


def rows() -> int:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("select count(*) from celeriac_outbox")
        return int(cursor.fetchone()[0])


def call(site: Project, fault: str) -> str:
    """Enqueue in a transaction, in a process that a fault kills. Returns the job's id."""
    caller = site.start("-c", CALLER, DJANGO_SETTINGS_MODULE="proj.settings", CELERIAC_FAULT=fault)
    assert caller.wait() == -signal.SIGKILL, caller.printed()
    return caller.printed().split()[0]


def test_jobs_whose_callers_are_killed_after_their_commit_run_once_each(site: Project, broker: RedisBroker) -> None:
    unsent, undeleted = call(site, "before-send:1:kill"), call(site, "after-send:1:kill")
    assert (rows(), [job.id for job in broker.find({}, 10)]) == (2, [undeleted])
    worker = site.worker()
    for id in (unsent, undeleted):
        ended = broker.wait(id, PATIENCE)
        assert ended is not None, worker.printed()
        assert ended.state is State.SUCCEEDED
        assert decode_result(ended.result or b"")[0] == 42
    until(lambda: rows() == 0, worker)
    assert worker.stop() == 0
    assert {(job.id, job.delivery) for job in broker.find({}, 10)} == {(unsent, 1), (undeleted, 1)}


def test_a_caller_that_is_killed_before_its_commit_has_enqueued_nothing(site: Project, broker: RedisBroker) -> None:
    killed = CALLER.replace("print(", "import os, signal; print(") + "    os.kill(os.getpid(), signal.SIGKILL)\n"
    caller = site.start("-c", killed, DJANGO_SETTINGS_MODULE="proj.settings")
    assert caller.wait() == -signal.SIGKILL, caller.printed()
    assert caller.printed().strip()
    assert (rows(), broker.find({}, 10)) == (0, [])
