"""``CELERY_RESULT_BACKEND``: each value and where results are with it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import Error, Warning, run_checks  # noqa: A004 - Django's name

from celeriac import Celery
from celeriac.conf.reading import Reading, Source, read_settings
from celeriac.exceptions import ResultsDisabled
from celeriac.testing import override

REDIS = "redis://:secret@localhost:6379/0"
CACHE = "cache://default?succeeded=86400.0&failed=1209600.0&cancelled=1209600.0&expired=1209600.0"


def read(broker: str, backend: Any, **values: Any) -> Reading:
    return read_settings([Source({"CELERY_BROKER_URL": broker, "CELERY_RESULT_BACKEND": backend, **values}, "CELERY")])


@pytest.mark.parametrize(
    ("broker", "backend", "store"),
    [
        (REDIS, None, None),
        (REDIS, "", None),
        (REDIS, "disabled", None),
        (REDIS, "disabled://", None),
        (REDIS, "django-db", "django://default"),
        (REDIS, "django://archive", "django://archive"),
        (REDIS, "django-cache", CACHE),
        (REDIS, "redis://localhost:6379/1", "redis://localhost:6379/1"),
        (REDIS, "valkey://localhost", None),
        (REDIS, "redis://127.0.0.1/0", None),
        (REDIS, "redis://localhost/0?namespace=results", "redis://localhost/0?namespace=results"),
        ("django://default", "django-db", None),
        ("django://", "django://default", None),
        ("django://queue", "django-db", "django://default"),
        ("django://default", "redis://localhost/1", "redis://localhost/1"),
        ("memory://", "redis://localhost/1", None),
        ("memory://", "cache+memory://", None),
    ],
)
def test_results_are_with_their_jobs_or_where_the_setting_says(broker: str, backend: str | None, store: str | None) -> None:
    reading = read(broker, backend)
    assert (reading.errors, reading.notes) == ([], [] if backend != "cache+memory://" else reading.notes)
    assert reading.settings.results == store


@pytest.mark.parametrize("backend", ["rpc://", "amqp://guest@localhost//", "cache", "cache+memory://"])
def test_a_backend_for_the_caller_alone_is_not_needed(backend: str) -> None:
    [note] = read(REDIS, backend).notes
    assert note.startswith(f"CELERY_RESULT_BACKEND ({backend.replace('guest@', '')}) is not needed")


@pytest.mark.parametrize(
    "backend",
    ["db+postgresql://me:secret@host/db", "mongodb://host", "cache+memcached://host/", "s3://bucket", "shop.backends.Own"],
)
def test_a_backend_of_celerys_that_is_not_here_is_answered_with_those_that_are(backend: str) -> None:
    [note] = read(REDIS, backend).notes
    assert "is not used: results are kept with their jobs" in note
    assert "django-db, django-cache" in note
    assert "secret" not in note


def test_a_misspelt_backend_is_an_error_with_the_nearest() -> None:
    [error] = read(REDIS, "django_db").errors
    assert error.startswith("CELERY_RESULT_BACKEND is 'django_db'; expected one of 'django-db', 'django-cache', ")
    assert error.endswith("Did you mean 'django-db'?")


def test_the_cache_and_the_ages_are_settings() -> None:
    reading = read(REDIS, "django-cache", CELERY_CACHE_BACKEND="results", CELERY_RESULT_EXPIRES=60, CELERIAC={})
    assert (reading.settings.results or "").startswith("cache://results?succeeded=60.0&failed=")
    forever = read_settings([Source({"CELERY_RESULT_BACKEND": "django-cache"})], {"RESULT_EXPIRES": None, "KEEP_FAILED": None})
    assert forever.settings.results == "cache://default?"


def test_the_master_of_sentinels_is_among_the_options_of_the_results() -> None:
    reading = read(REDIS, "sentinel://one;two", CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS={"master_name": "m"})
    assert reading.settings.results == "sentinel://one;two?sentinel_master=m"


# -- system checks ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def redis_jobs(settings: Any) -> Any:
    settings.CELERY_BROKER_URL = REDIS
    return settings


def found(kind: type, id: str) -> Any:
    [message] = [message for message in run_checks(tags=["celeriac"]) if message.id == id]
    assert type(message) is kind
    return message


def test_a_cache_in_the_redis_database_of_the_results_is_an_error(redis_jobs: Any) -> None:
    redis_jobs.CELERY_RESULT_BACKEND = "redis://localhost/1"
    backend = "django.core.cache.backends.redis.RedisCache"
    redis_jobs.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://localhost/1"}}
    assert "Redis database that keeps the results" in found(Error, "celeriac.E005").msg
    redis_jobs.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://localhost/2"}}
    assert [message for message in run_checks(tags=["celeriac"]) if message.id == "celeriac.E005"] == []


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_a_cache_of_one_process_is_warned_of(redis_jobs: Any, backend: str) -> None:
    redis_jobs.CELERY_RESULT_BACKEND = "django-cache"
    redis_jobs.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    assert "no other process sees" in found(Warning, "celeriac.W003").msg


@pytest.mark.parametrize(("backend", "has_not"), [("django-cache", "CACHES has not"), ("django://archive", "no 'archive'")])
def test_a_cache_or_database_that_there_is_not_is_an_error(redis_jobs: Any, backend: str, has_not: str) -> None:
    redis_jobs.CELERY_RESULT_BACKEND = backend
    redis_jobs.CELERY_CACHE_BACKEND = "results"
    assert has_not in found(Error, "celeriac.E006").msg


# -- disabled --------------------------------------------------------------------------------------------------------------


def test_asking_for_a_value_that_is_not_kept_says_so() -> None:
    app = Celery("disabled", set_as_current=False, config_source={"broker_url": "memory://", "result_backend": "disabled"})

    @app.task
    def add(a: int, b: int) -> int:
        return a + b

    @app.task(ignore_result=False)
    def kept(a: int, b: int) -> int:
        return a + b

    with override("worker", app=app):
        job = add.delay(20, 22)
        for result in (job, app.AsyncResult(job.id)):
            with pytest.raises(ResultsDisabled, match="CELERY_RESULT_BACKEND is 'disabled', so none are kept"):
                result.get(timeout=10)
        assert app.AsyncResult(job.id).state == "SUCCESS"
        assert kept.delay(20, 22).get(timeout=10) == 42
