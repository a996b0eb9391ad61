"""The Redis engine keeps every promise of the suites on real servers, as the user that ``docs/redis.md`` makes.

They are Valkey, the system's Redis, and the oldest Redis that will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis

from celeriac.engine.brokers.redis.address import Address
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.testing.conformance import EngineSuite, ExchangeSuite, ResultSuite
from celeriac.testing.conformance.machine import MachineSuite
from celeriac.testing.redis import OLDEST_WHEEL, RedisServer, oldest_redis_program, require_redis
from celeriac.testing.valkey import ValkeyServer, require_valkey
from tests.redis.acl import restricted


def valkey() -> ValkeyServer:
    require_valkey()
    return ValkeyServer()


def system() -> RedisServer:
    require_redis()
    return RedisServer()


def oldest() -> RedisServer:
    program = oldest_redis_program()
    if program is None:
        pytest.skip(f"Redis 6.2 is missing: the wheel {OLDEST_WHEEL} brings it, for Linux and Python up to 3.12.")
    return RedisServer(program=program)


@pytest.fixture(scope="session", params=[valkey, system, oldest])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server on which a user has the rights that the page lists, and no others."""
    with restricted(request.param()) as url:
        yield url


@pytest.fixture(scope="session")
def administrator(url: str) -> Iterator[redis.Redis]:
    """A client that may do everything."""
    with redis.Redis(unix_socket_path=str(Address(url).options()["path"])) as client:
        yield client


@pytest.fixture
def make_broker(url: str, administrator: redis.Redis) -> Callable[[], RedisBroker]:
    administrator.flushdb()

    def opened() -> RedisBroker:
        broker = RedisBroker(url)
        broker.open()
        return broker

    return opened


class TestEngine(EngineSuite):
    pass


class TestExchange(ExchangeSuite):
    pass


class TestResults(ResultSuite):
    pass


class TestMachine(MachineSuite):
    pass
