"""A Django cache as the result store: the file cache, the database's and one on Valkey, for real."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings

from celeriac.engine.brokers.djangocache import CacheResults, key_of
from celeriac.engine.brokers.mixed import MixedBroker
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.resultstore import Record
from celeriac.engine.errors import BrokerUnavailable, ImproperlyConfigured
from celeriac.engine.job import State
from celeriac.engine.worker import resultmover
from celeriac.engine.worker.resultmover import ResultMover
from celeriac.testing.conformance.results import a_record
from celeriac.testing.conformance.scenario import ended_job, ids, known
from celeriac.testing.valkey import ValkeyServer

BACKENDS = "django.core.cache.backends"
URL = "cache://results?succeeded=600&failed=600"


@pytest.fixture(params=["files", "database", "valkey"])
def results(
    request: pytest.FixtureRequest, tmp_path: Path, valkey: ValkeyServer, django_db_blocker: Any
) -> Iterator[CacheResults]:
    caches_of = {
        "files": {"BACKEND": f"{BACKENDS}.filebased.FileBasedCache", "LOCATION": tmp_path / "cache"},
        "database": {"BACKEND": f"{BACKENDS}.db.DatabaseCache", "LOCATION": "result_cache"},
        "valkey": {"BACKEND": f"{BACKENDS}.redis.RedisCache", "LOCATION": valkey.url(7).partition("&")[0]},
    }
    with (
        override_settings(CACHES={"default": caches_of["files"], "results": caches_of[request.param]}),
        django_db_blocker.unblock(),
    ):
        if request.param == "database":
            request.getfixturevalue("transactional_db")
            call_command("createcachetable", verbosity=0)
        yield CacheResults(URL)
        caches["results"].clear()
        caches["results"].close()


def test_what_is_kept_is_read_whole_and_by_any_thread_or_process(results: CacheResults) -> None:
    batch = [
        a_record(state=State.FAILED, attempts=2, headers={"a": 1}),
        a_record("an id with spaces, and ü" * 30, result=b"\xff\x00"),
    ]
    assert results.keep(batch) == set()
    assert results.keep(batch) == set(), "a repeat changes nothing"
    again = results.clone()
    again.open()
    for job, attempts in batch:
        assert Record(again.get(job.id), again.attempts(job.id)) == Record(job, attempts)  # type: ignore[arg-type]  # None fails
    assert results.forget([job.id for job, _ in batch] + ["unknown"]) == 2
    assert [results.get(job.id) for job, _ in batch] == [None, None]
    assert results.attempts(batch[0].job.id) == []
    results.close()


def test_a_result_is_gone_after_its_time(results: CacheResults) -> None:
    brief = CacheResults("cache://results?succeeded=0.001&failed=600")
    succeeded, failed = a_record(), a_record(state=State.FAILED)
    brief.keep([succeeded, failed])
    deadline = time.monotonic() + 30
    while results.get(succeeded.job.id) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert results.get(failed.job.id) is not None


def test_what_somebody_else_has_put_there_is_no_result(results: CacheResults) -> None:
    for value in (b"\xc1", "text", {"a": 1}):
        caches["results"].set(key_of("some"), value)
        assert results.get("some") is None


def test_live_jobs_are_listed_and_ended_ones_asked_for_by_id(valkey: ValkeyServer, file_cache: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(resultmover, "YOUNG", 0.0)
    broker = MixedBroker(RedisBroker(valkey.url(3)), CacheResults(URL))
    mover = ResultMover(broker.inner, broker.results, "mover", {})
    job = ended_job(broker, progress=None)
    assert ids(broker.find({}, 5)) == [job.id]
    assert mover.move() == 1
    assert (broker.find({}, 5), broker.counts(), broker.capabilities.inspect) == ([], {}, False)
    assert known(broker, job.id).state is State.SUCCEEDED
    broker.close()


def test_a_cache_that_does_not_answer_is_a_store_that_is_away(tmp_path: Path) -> None:
    nowhere = {"BACKEND": f"{BACKENDS}.redis.RedisCache", "LOCATION": f"unix://{tmp_path}/nobody"}
    with override_settings(CACHES={"default": nowhere, "results": nowhere}):
        results = CacheResults(URL)
        for use in (results.open, lambda: results.get("some"), lambda: results.keep([a_record()])):
            with pytest.raises(BrokerUnavailable, match="The cache 'results' that keeps the results did not answer"):
                use()


@pytest.fixture
def broken(transactional_db: None) -> Iterator[CacheResults]:
    """Results in a cache on the database that refuses each write and says nothing, as Django's does where the table is full."""
    database = {"BACKEND": f"{BACKENDS}.db.DatabaseCache", "LOCATION": "broken_cache"}
    with override_settings(CACHES={"default": database, "results": database}):
        call_command("createcachetable", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(
                "create trigger too_long before insert on broken_cache when length(new.value) > 5000 or"
                " exists (select 1 from broken_cache where cache_key = 'full') begin select raise(fail, 'no room'); end"
            )
        yield CacheResults(URL)
        with connection.cursor() as cursor:
            cursor.execute("drop table broken_cache")


def test_a_result_that_a_cache_drops_without_a_word_stays_at_the_broker(broken: CacheResults) -> None:
    kept, dropped = a_record(), a_record(result=os.urandom(6000))
    assert broken.keep([kept, dropped]) == {dropped.job.id}
    assert (broken.get(kept.job.id) is None, broken.get(dropped.job.id)) == (False, None)


def test_a_cache_that_drops_all_results_without_a_word_is_a_store_that_is_away(broken: CacheResults) -> None:
    with connection.cursor() as cursor:
        cursor.execute("insert into broken_cache values ('full', '', '2100-01-01 00:00:00')")
    for batch in ([a_record()], [a_record(), a_record(state=State.FAILED)]):
        with pytest.raises(BrokerUnavailable, match="The cache 'results' keeps none of the results"):
            broken.keep(batch)


def test_a_cache_that_there_is_not_is_named_with_the_nearest(file_cache: None) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"names 'result', which CACHES has not\. Did you mean 'results'\?"):
        CacheResults("cache://result")
