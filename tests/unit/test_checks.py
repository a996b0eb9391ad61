"""What ``manage.py check`` says about Celeriac's settings and its database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from django.core.checks import CheckMessage, Error, Info, Warning, run_checks  # noqa: A004 - Django's name
from django.db import connections

from celeriac import checks
from celeriac.app import Celery


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """A project without a Celery object of its own: an app that reads Django's settings."""
    app = Celery("project", set_as_current=False)
    monkeypatch.setattr(checks, "current_app", lambda: app)
    yield app
    app.close()


def found() -> list[CheckMessage]:
    """Return what Django's own command would show of ours."""
    return run_checks(tags=["celeriac"])


def the_only(kind: type[CheckMessage], id: str) -> CheckMessage:
    [message] = found()
    assert (type(message), message.id) == (kind, id)
    return message


def test_good_settings_are_passed_over_in_silence() -> None:
    assert found() == []


def test_a_value_that_cannot_be_is_an_error_with_the_setting_and_what_is_expected(settings: Any) -> None:
    settings.CELERY_WORKER_CONCURRENCY = "lots"
    assert "CELERY_WORKER_CONCURRENCY is 'lots'; expected a whole number from 1 up" in the_only(Error, "celeriac.E001").msg


def test_a_broker_that_is_misspelled_is_an_error_with_the_nearest_one(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "reddis://localhost"
    message = the_only(Error, "celeriac.E002")
    assert "CELERY_BROKER_URL begins with 'reddis'" in message.msg
    assert "Did you mean 'redis'?" in message.msg


def test_an_unknown_name_of_ours_is_an_error_with_the_nearest_one(settings: Any) -> None:
    settings.CELERIAC = {"LAESE": 15}
    assert the_only(Error, "celeriac.E001").msg == "CELERIAC has no setting 'LAESE'. Did you mean 'LEASE'?"


def test_settings_that_cannot_go_together_are_an_error(settings: Any) -> None:
    settings.CELERY_TASK_TIME_LIMIT, settings.CELERY_TASK_SOFT_TIME_LIMIT = 10, 20
    assert "would never be reached" in the_only(Error, "celeriac.E001").msg


def test_an_unknown_name_of_celerys_is_a_warning_with_the_nearest_one(settings: Any) -> None:
    settings.CELERY_TASK_TIME_LIMITS = 10
    message = the_only(Warning, "celeriac.W001")
    assert message.msg.startswith("CELERY_TASK_TIME_LIMITS is not a setting that Celery or Celeriac knows")
    assert message.msg.endswith("Did you mean 'CELERY_TASK_TIME_LIMIT'?")


def test_what_is_accepted_without_effect_is_told_and_no_warning(settings: Any) -> None:
    settings.CELERYD_FORCE_EXECV = True
    assert the_only(Info, "celeriac.I001").msg.startswith("CELERYD_FORCE_EXECV is not used: ")


def test_each_mistake_has_a_message_of_its_own(settings: Any) -> None:
    settings.CELERIAC = {"LAESE": 15, "POOL": "swimming"}
    settings.CELERY_TASK_TIME_LIMITS = 10
    assert sorted(str(message.id) for message in found()) == ["celeriac.E001", "celeriac.E001", "celeriac.W001"]


# -- the database -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sqlite(settings: Any, tmp_path: Path) -> Iterator[Any]:
    """Make the broker's database a SQLite file with these OPTIONS."""

    def use(name: str | None = None, **options: Any) -> None:
        default = connections.databases["default"]
        connections.databases["jobs"] = {**default, "NAME": name or str(tmp_path / "jobs.sqlite3"), "OPTIONS": options}
        settings.CELERY_BROKER_URL = "django://jobs"

    yield use
    connections.databases.pop("jobs", None)
    if hasattr(connections._connections, "jobs"):
        del connections["jobs"]


@pytest.mark.parametrize("options", [{}, {"transaction_mode": "DEFERRED"}, {"transaction_mode": None}, {"timeout": 20}])
def test_sqlite_without_immediate_is_a_warning_with_the_lines_to_paste(sqlite: Any, options: Any) -> None:
    sqlite(**options)
    message = the_only(Warning, "celeriac.W002")
    assert "The SQLite database 'jobs' begins its transactions in mode DEFERRED." in message.msg
    assert message.hint is not None
    assert message.hint.startswith("Add to DATABASES['jobs']:\n")
    pasted: dict[str, Any] = eval("{" + message.hint.partition("\n")[2] + "}")  # noqa: S307 - our own text, as the reader pastes it
    assert pasted["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    sqlite(**pasted["OPTIONS"])
    del connections["jobs"]
    assert found() == [], "who pastes the lines is warned no more"


@pytest.mark.parametrize("mode", ["IMMEDIATE", "immediate", "EXCLUSIVE"])
def test_sqlite_that_begins_as_a_writer_is_passed_over_in_silence(sqlite: Any, mode: str) -> None:
    sqlite(transaction_mode=mode)
    assert found() == []


@pytest.mark.parametrize("name", [":memory:", "file:jobs?mode=memory&cache=shared"])
def test_a_database_in_memory_has_no_other_process_to_lock_out(sqlite: Any, name: str) -> None:
    sqlite(name)
    assert found() == []


def test_an_unknown_alias_is_an_error_that_names_those_there_are(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "django://deflaut"
    message = the_only(Error, "celeriac.E002")
    assert message.msg == "CELERY_BROKER_URL is 'django://deflaut', and DATABASES has no 'deflaut'. There are: default."


def test_a_broker_that_is_no_database_is_not_looked_at(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "memory://"
    assert found() == []


# -- caches on Redis -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", sorted(checks.REDIS_CACHES))
@pytest.mark.parametrize(
    "cache",
    [
        {"LOCATION": "redis://localhost:6379/1"},
        {"LOCATION": ["redis://one", "redis://:pw@127.0.0.1/1"]},
        {"LOCATION": "redis://localhost", "OPTIONS": {"db": "1"}},
    ],
)
def test_a_cache_in_the_brokers_redis_database_is_an_error(settings: Any, backend: str, cache: dict[str, Any]) -> None:
    settings.CELERY_BROKER_URL = "redis://:secret@127.0.0.1:6379/1"
    settings.CACHES = {"default": {"BACKEND": backend, **cache}}
    message = the_only(Error, "celeriac.E005")
    assert message.msg.startswith("The cache 'default' is in the Redis database that keeps the jobs, and its clear()")
    assert "CACHES['default'] another database number" in str(message.hint)


class OurCache(RedisCache):
    """A project's own, on Django's."""


class OurMemory(LocMemCache):
    """The same of one that no other process sees."""


def test_a_cache_derived_from_one_on_redis_is_an_error(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://localhost/1"
    for backend in (f"{__name__}.OurCache", "no.such.Cache", f"{__name__}.OurMemory"):
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://localhost:6379/1"}}
        assert [message.id for message in found()] == (["celeriac.E005"] if backend.endswith("OurCache") else [])


def test_a_cache_in_the_redis_database_of_rabbitmqs_store_is_an_error(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "amqp://localhost//"
    settings.CELERY_RESULT_BACKEND = "redis://localhost/1"
    cache = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": cache, "LOCATION": "redis://localhost:6379/1"}}
    assert "that keeps the jobs" in the_only(Error, "celeriac.E005").msg


def test_a_cache_in_another_redis_database_is_none(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://localhost/0"
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://localhost:6379/1"},
        "other": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    }
    assert found() == []


# -- periodic tasks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"task": "count", "schedul": 30}, "An entry of a schedule has no 'schedul'. Did you mean 'schedule'?"),
        ({"task": "count", "schedule": "0 4 * * *"}, "schedule is '0 4 * * *'"),
        ({"task": "cuont", "schedule": 30}, "No task is registered as 'cuont'. Did you mean 'count'?"),
        (30, "The entry is 30; expected names with values"),
    ],
)
def test_a_declared_entry_that_cannot_be_understood_is_a_warning(
    settings: Any, project: Celery, entry: Any, reason: str
) -> None:
    project.task(name="count")(lambda: None)
    settings.CELERY_BEAT_SCHEDULE = {"nightly": entry, "right": {"task": "count", "schedule": 30}}
    message = the_only(Warning, "celeriac.W004")
    assert message.msg.startswith(f"The periodic task 'nightly' does not run: {reason}")


def test_a_name_that_no_table_can_keep_is_a_warning_too(settings: Any) -> None:
    settings.CELERY_BEAT_SCHEDULE = {"n" * 300: {"task": "count", "schedule": 30}}
    assert "expected 1 to 255 characters" in the_only(Warning, "celeriac.W004").msg
