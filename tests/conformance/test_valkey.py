"""The Redis engine keeps every promise of the suites, on a real Valkey server, as the user that ``docs/redis.md`` makes."""

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
    ResultSuite,
    StoreSuite,
)
from celeriac.testing.conformance.machine import MachineSuite
from celeriac.testing.valkey import ValkeyServer, require_valkey
from tests.redis.acl import restricted


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """The URL of a server on which a user has the rights that the page lists, and no others."""
    require_valkey()
    with restricted(ValkeyServer()) as url:
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


class TestResults(ResultSuite):
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
