"""What a server must be like, what is said of one that is not, and that each outage passes by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.redis.server import examine
from celeriac.engine.errors import BrokerUnavailable, ImproperlyConfigured
from celeriac.engine.job import Job
from celeriac.testing.servers import free_port
from tests.redis.conftest import Server


def a_job(id: str, size: int = 2) -> Job:
    return Job(id=id, task="shop.pay", queue="default", payload=b"x" * size)


# -- the start -------------------------------------------------------------------------------------------------------------


class Answers:
    """What a server of another kind answers to INFO: those old ones cannot be had for a test."""

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


def refused(server: Server) -> str:
    return f"redis://127.0.0.1:{free_port()}/0"


def wrong_password(server: Server) -> str:
    server.admin.config_set("requirepass", "right")
    return server.url(":wrong@")


def no_password(server: Server) -> str:
    server.admin.config_set("requirepass", "right")
    return server.url()


def no_such_user(server: Server) -> str:
    return server.url("nobody:x@")


def no_such_database(server: Server) -> str:
    return server.url(database=999)


@pytest.mark.parametrize(
    ("make_url", "says"),
    [
        (refused, "nothing listens there. Start the server"),
        (wrong_password, "it refused the user or the password"),
        (no_password, "it wants a password, and the URL has none"),
        (no_such_user, "it refused the user or the password"),
        (no_such_database, "it has no database of that number"),
    ],
)
def test_each_mistake_has_a_sentence_of_its_own_within_5_s(
    server: Server, make_url: Callable[[Server], str], says: str
) -> None:
    broker = RedisBroker(make_url(server))
    begun = time.monotonic()
    with pytest.raises(BrokerUnavailable, match=says) as caught:
        broker.open()
    assert time.monotonic() - begun < 5
    assert "wrong" not in str(caught.value).partition("(")[0]
    broker.close()


# -- outages ---------------------------------------------------------------------------------------------------------------


def fills_up(server: Server) -> None:
    server.admin.config_set("maxmemory", "1mb")


def becomes_a_replica(server: Server) -> None:
    server.admin.replicaof("127.0.0.1", str(free_port()))


def has_no_replicas(server: Server) -> None:
    server.admin.config_set("min-replicas-to-write", "1")


def goes_away(server: Server) -> None:
    server.valkey.interrupt()


def comes_back(server: Server) -> None:
    server.valkey.start()
    server.admin.replicaof("NO", "ONE")
    server.admin.config_set("maxmemory", "0")
    server.admin.config_set("min-replicas-to-write", "0")


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (fills_up, "its memory is full"), (becomes_a_replica, "a replica that takes no writes"),
        (has_no_replicas, "too few replicas"), (goes_away, "nothing listens there|the connection failed"),
    ],
)  # fmt: skip
def test_an_outage_is_an_unavailable_broker_and_passes(
    server: Server, broker: RedisBroker, happens: Callable[[Server], None], says: str
) -> None:
    broker.push([a_job("before")])
    happens(server)
    with pytest.raises(BrokerUnavailable, match=says):
        broker.push([a_job("during")])
    comes_back(server)
    broker.push([a_job("after")])
    assert [job.id for job in broker.find({}, 10)] == ["after", "before"]


def test_a_cut_connection_is_made_anew_at_once(server: Server, broker: RedisBroker) -> None:
    broker.push([a_job("before")])
    server.admin.client_kill_filter(_type="normal", skipme=True)
    broker.push([a_job("after")])
    assert [job.id for job in broker.find({}, 10)] == ["after", "before"]


def test_what_the_server_forgets_of_our_scripts_it_is_told_again(server: Server, broker: RedisBroker) -> None:
    broker.push([a_job("before")])
    server.admin.script_flush()
    broker.push([a_job("after")])
    assert broker.get("after") is not None


@pytest.mark.parametrize("cut", ["connection", "server"])
def test_an_idle_child_hears_again_after_a_cut(server: Server, broker: RedisBroker, cut: str) -> None:
    enrol(broker)
    notifier = broker.notifier()
    notifier.arm("c", ["default"])
    if cut == "server":
        server.valkey.interrupt()
        with pytest.raises(BrokerUnavailable):
            notifier.arm("c", ["default"])
        server.valkey.start()
    else:
        server.admin.client_kill_filter(_type="pubsub")
    notifier.drain()
    notifier.arm("c", ["default"])
    assert not notifier.drain()
    other = broker.clone()
    other.push([a_job("new")])
    other.close()
    deadline = time.monotonic() + 5
    while not notifier.drain():
        assert time.monotonic() < deadline, "the wake-up is heard"


def enrol(broker: RedisBroker) -> None:
    info = WorkerInfo(id="w", name="w@h", host="h", pid=1, pool="prefork", concurrency=1, queues=["default"])
    broker.join(info, 600)
    broker.enrol("w", "c")
