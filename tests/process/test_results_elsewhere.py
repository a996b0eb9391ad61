"""Real workers whose results are elsewhere than their jobs, asked for from other processes."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.codec import decode_result
from celeriac.engine.job import State
from celeriac.testing.valkey import ValkeyServer
from tests.outbox.conftest import valkey
from tests.process.smallsite import ALIAS, Project, Started, until

__all__ = ["valkey"]
pytestmark = pytest.mark.process

CALLER = """
import django, json
django.setup()
from celeriac.result import AsyncResult
from shop.tasks import add, break_down

good, bad = add.delay(20, 22), break_down.delay()
values = [good.get(timeout=30)[0], repr(bad.get(timeout=30, propagate=False))]
print(json.dumps([good.id, bad.id, values]), flush=True)
"""
READER = """
import django, json, sys
django.setup()
from celeriac.result import AsyncResult

good, bad = (AsyncResult(id) for id in sys.argv[1:])
print(json.dumps([good.get(timeout=30)[0], good.state, bad.state, bad.traceback.splitlines()[-1], good.kwargs]), flush=True)
good.forget()
print(json.dumps(good.exists()), flush=True)
"""


@pytest.fixture
def url(valkey: ValkeyServer, site: Project) -> str:
    """The project's queue is on the Valkey server, and empty."""
    site.configure(f"CELERY_BROKER_URL = {valkey.url()!r}")
    site.add_tasks("\n\n@shared_task\ndef break_down():\n    raise ValueError('out of string')\n")
    for database in (0, 1):
        with closing(RedisBroker(valkey.url(database))) as broker:
            broker.client.flushdb()
    return valkey.url()


def run(site: Project, code: str, *arguments: str) -> list[str]:
    caller = site.start("-c", code, *arguments, DJANGO_SETTINGS_MODULE="proj.settings")
    assert caller.wait() == 0, caller.printed()
    return caller.printed().splitlines()


def moved(broker: RedisBroker, worker: Started) -> None:
    until(lambda: broker.counts() == {}, worker)


def test_results_of_redis_jobs_are_in_the_projects_database(site: Project, url: str) -> None:
    site.configure('CELERY_RESULT_BACKEND = "django-db"', "CELERY_RESULT_EXTENDED = True")
    worker = site.worker()
    assert "results django://default (SQLite: " in worker.printed()
    [line] = run(site, CALLER)
    good, bad, values = json.loads(line)
    assert values == [42, "ValueError('out of string')"]
    with closing(RedisBroker(url)) as broker, closing(SQLBroker(ALIAS, private=True)) as results:
        moved(broker, worker)
        assert [results.get(id).state for id in (good, bad)] == [State.SUCCEEDED, State.FAILED]  # type: ignore[union-attr]  # None fails
        read, exists = map(json.loads, run(site, READER, good, bad))
        assert read == [42, "SUCCESS", "FAILURE", "ValueError: out of string", {}]
        assert exists is False
        assert results.get(good) is None
    assert worker.stop() == 0


def test_results_are_in_another_database_of_the_server_and_survive_a_killed_mover(
    site: Project, url: str, valkey: ValkeyServer
) -> None:
    site.configure(f"CELERY_RESULT_BACKEND = {valkey.url(1)!r}")
    with closing(RedisBroker(url)) as broker, closing(RedisBroker(valkey.url(1))) as results:
        killed = site.start("manage.py", "celeriac", "worker", "--pool", "solo", CELERIAC_FAULT="after-keep:1:kill")
        good, _, __ = json.loads(run(site, CALLER)[0])
        killed.wait()
        assert "fault point after-keep" in killed.printed()
        worker = site.worker()
        moved(broker, worker)
        record = results.get(good)
        assert record is not None
        assert decode_result(record.result or b"")[0] == 42
        assert results.counts() == {"celery": {State.SUCCEEDED: 1, State.FAILED: 1}}
        assert worker.stop() == 0


def test_a_worker_works_while_its_result_store_is_away(site: Project, url: str) -> None:
    site.configure(f"CELERY_RESULT_BACKEND = 'redis+socket://{site.folder}/nobody'")
    worker = site.worker()
    assert "Results stay" in worker.printed()
    values = json.loads(run(site, CALLER)[0])[2]
    assert values == [42, "ValueError('out of string')"]
    assert worker.stop() == 0
