"""What a server must be like, and what is said of one that is not."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.redis.server import examine
from celeriac.engine.errors import ImproperlyConfigured
from tests.redis.conftest import Server
from tests.redis.oldserver import OldServer


class Answers:
    """What a server of another kind answers to INFO."""

    def __init__(self, **info: Any) -> None:
        self._info = {"maxmemory_policy": "noeviction", "aof_enabled": 1, **info}

    def info(self) -> dict[str, Any]:
        return self._info


@pytest.mark.parametrize(
    ("info", "found"),
    [
        ({"redis_version": "6.0.16"}, "Redis 6.0.16; Celeriac needs Redis 6.2"),
        ({"redis_version": "5"}, "Redis 5; Celeriac needs Redis 6.2"),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.5"}, "Valkey 7.2.5; Celeriac needs Valkey 8.0"),
    ],
)
def test_an_older_server_is_refused_with_its_version_and_the_way_out(info: dict[str, str], found: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=found) as caught:
        examine(Answers(**info), "redis://h")
    assert 'CELERY_BROKER_URL = "django://default"' in str(caught.value)


def test_an_older_server_is_found_out_when_a_worker_or_a_caller_connects() -> None:
    says = r"is Redis 6\.0\.16; Celeriac needs Redis 6\.2.*django://default"
    with (
        OldServer("6.0.16") as old,
        closing(RedisBroker(old.url)) as broker,
        pytest.raises(ImproperlyConfigured, match=says),
    ):
        broker.open()


@pytest.mark.parametrize("info", [{"redis_version": "6.2.0"}, {"redis_version": "7.2.4", "valkey_version": "8.0.1"}])
def test_the_oldest_servers_that_will_do(info: dict[str, str]) -> None:
    assert examine(Answers(**info), "redis://h") == ()


def test_a_server_that_evicts_keys_is_refused_with_the_fix(server: Server, broker: RedisBroker) -> None:
    server.admin.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(ImproperlyConfigured, match=r"maxmemory-policy allkeys-lru.*maxmemory-policy noeviction"):
        broker.open()


def test_a_server_that_keeps_everything_gives_no_warning(broker: RedisBroker) -> None:
    broker.open()
    assert broker.warnings == ()


@pytest.mark.parametrize(
    ("save", "says"), [("", "every job and result is lost"), ("3600 1", "since its last snapshot is lost")]
)
def test_a_server_without_an_append_only_file_gives_a_warning(
    server: Server, broker: RedisBroker, save: str, says: str
) -> None:
    server.admin.config_set("appendonly", "no")
    server.admin.config_set("save", save)
    broker.open()
    [warning] = broker.warnings
    assert says in warning
    assert "appendonly yes" in warning
