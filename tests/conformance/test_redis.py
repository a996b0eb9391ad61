"""The Redis engine keeps every promise of the suites on real Redis too: the system's, and the oldest that will do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis

from celeriac.engine.brokers.redis.address import Address
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.testing.conformance import (
    BrokerSuite,
    ControlSuite,
    ExchangeSuite,
    FencingSuite,
    LeaderSuite,
    NotifierSuite,
    RateSuite,
    RescueSuite,
    StoreSuite,
)
from celeriac.testing.conformance.machine import MachineSuite
from celeriac.testing.redis import OLDEST_WHEEL, RedisServer, oldest_redis_program, require_redis
from tests.redis.acl import restricted


def system() -> RedisServer:
    require_redis()
    return RedisServer()


def oldest() -> RedisServer:
    program = oldest_redis_program()
    if program is None:
        pytest.skip(f"Redis 6.2 is missing: the wheel {OLDEST_WHEEL} brings it, for Linux and Python up to 3.12.")
    return RedisServer(program=program)


@pytest.fixture(scope="session", params=[system, oldest])
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
def broker(url: str, administrator: redis.Redis) -> Iterator[RedisBroker]:
    broker = RedisBroker(url)
    administrator.flushdb()
    broker.open()
    yield broker
    broker.close()


@pytest.fixture
def make_broker(url: str) -> Callable[[], RedisBroker]:
    return lambda: RedisBroker(url)


class TestBroker(BrokerSuite):
    pass


class TestExchange(ExchangeSuite):
    pass


class TestFencing(FencingSuite):
    pass


class TestRescue(RescueSuite):
    pass


class TestStore(StoreSuite):
    pass


class TestControl(ControlSuite):
    pass


class TestNotifier(NotifierSuite):
    pass


class TestMachine(MachineSuite):
    pass


class TestLeader(LeaderSuite):
    pass


class TestRates(RateSuite):
    pass
