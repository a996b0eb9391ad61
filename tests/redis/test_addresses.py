"""What URLs mean: servers, Sentinels, Clusters, users, databases, namespaces."""

from __future__ import annotations

import sys

import pytest
from redis.connection import SSLConnection
from redis.sentinel import SentinelConnectionPool

from celeriac.engine.brokers.factory import REDIS, connect
from celeriac.engine.brokers.redis.address import Address, hidden, places
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.redis.connection import connect as client_of
from celeriac.engine.errors import ImproperlyConfigured


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("redis://", {}),
        ("redis://host", {"host": "host"}),
        ("valkey://user:p%40ss@host:6380/3", {"username": "user", "password": "p@ss", "host": "host", "port": 6380, "db": 3}),
        ("redis://:secret@host/0?namespace=shop", {"password": "secret", "host": "host", "db": 0}),
        ("redis+socket:///run/redis.sock?virtual_host=5", {"path": "/run/redis.sock", "db": 5}),
        ("unix://user:pw@/run/r.sock?db=2", {"path": "/run/r.sock", "db": 2, "username": "user", "password": "pw"}),
        ("rediss://host?ssl_cert_reqs=CERT_OPTIONAL", {"host": "host", "ssl_cert_reqs": "optional"}),
    ],
)
def test_the_parts_of_a_url(url: str, options: dict[str, object]) -> None:
    found = Address(url).options()
    found.pop("connection_class", None)
    assert found == options


def test_a_namespace_is_the_hash_tag_of_every_key() -> None:
    assert Address("redis://h").prefix == "celeriac:{default}:"
    assert Address("redis://h/1?namespace=shop").prefix == "celeriac:{shop}:"


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_tls_looks_at_the_certificate_and_its_host_unless_told_otherwise(scheme: str) -> None:
    connection = client_of(Address(f"{scheme}://host")).connection_pool.make_connection()
    assert isinstance(connection, SSLConnection)
    assert connection.check_hostname
    assert connection.cert_reqs.name == "CERT_REQUIRED"


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://:pw@one:26380;two/2?sentinel_master=jobs",
        "sentinel://:pw@one:26380;sentinel://two:26379/2?master_name=jobs",
    ],
)
def test_sentinels_are_written_in_one_url_or_as_celery_does_in_several(url: str) -> None:
    address = Address(url)
    assert address.sentinels() == [("one", 26380), ("two", 26379)]
    pool = client_of(address).connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert (pool.service_name, pool.connection_kwargs["password"], pool.connection_kwargs["db"]) == ("jobs", "pw", 2)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://host/jobs", "its database, 'jobs', is no number"),
        ("redis://host:port/0", "no URL of a Redis or Valkey server"),
        ("redis://host/0?namspace=shop", r"no option 'namspace'. Did you mean 'namespace'\?"),
        ("redis://host/0?decode_responses=true", "no option 'decode_responses'"),
        ("sentinel://one:26379/0", "it does not name the master"),
        ("sentinel://one:x/0?sentinel_master=m", "a port that is no number"),
    ],
)
def test_what_is_no_url_is_said_without_its_password(url: str, why: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=why) as caught:
        connect(url.replace("://", "://:secret@"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", REDIS)
def test_every_scheme_gives_a_broker_that_is_not_connected_yet(scheme: str) -> None:
    broker = connect(f"{scheme}://localhost/0?sentinel_master=m")
    assert isinstance(broker, RedisBroker)
    broker.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:secret@h/0", "redis://user:***@h/0"),
        ("redis://:secret@h/0", "redis://:***@h/0"),
        ("sentinel://:secret@a;sentinel://:secret@b/0?sentinel_password=secret&x=1",
         "sentinel://:***@a;sentinel://:***@b/0?sentinel_password=***&x=1"),
        ("redis://h/0", "redis://h/0"),
    ],
)  # fmt: skip
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert hidden(url) == shown


def test_the_same_database_is_recognised_however_it_is_written() -> None:
    assert places("redis://localhost") == places("valkey://user:pw@127.0.0.1:6379/0?namespace=x")
    assert not places("redis://localhost/0") & places("redis://localhost/1")
    assert places("unix:///run/r.sock?db=1") == places("redis+socket:///run/r.sock?virtual_host=1")
    assert places("memcached://x") == frozenset()


def test_without_redis_py_the_error_is_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("celeriac.engine.brokers.redis")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImproperlyConfigured, match=r"pip install 'celeriac\[redis\]'.*django://default"):
        connect("redis://localhost")
