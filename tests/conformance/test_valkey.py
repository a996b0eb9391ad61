"""The Redis engine keeps every promise of the suites, on a real Valkey server, as the user that ``docs/redis.md`` makes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from celeriac.engine.brokers.redis.address import Address
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.testing.conformance import (
    BrokerSuite,
    ControlSuite,
    FencingSuite,
    LeaderSuite,
    NotifierSuite,
    RateSuite,
    RescueSuite,
    StoreSuite,
)
from celeriac.testing.conformance.machine import MachineSuite
from celeriac.testing.valkey import ValkeyServer, require_valkey

PAGE = Path(__file__).resolve().parents[2] / "docs" / "redis.md"


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """The URL of a server on which a user has the rights that the page lists, and no others."""
    require_valkey()
    with ValkeyServer() as server:
        (command,) = re.findall("^ACL SETUSER .*$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
        administrator(server.url()).execute_command(*command.split())
        yield server.url().replace("unix://", "unix://celeriac:password@")
        refused = [entry["object"] for entry in administrator(server.url()).acl_log()]
        assert refused == [], "the page lists all the rights that are needed"


def administrator(url: str) -> redis.Redis:
    """Return a client that may do everything."""
    return redis.Redis(unix_socket_path=str(Address(url).options()["path"]))


@pytest.fixture
def broker(url: str) -> Iterator[RedisBroker]:
    broker = RedisBroker(url)
    administrator(url).flushdb()
    broker.open()
    yield broker
    broker.close()


@pytest.fixture
def make_broker(url: str) -> Callable[[], RedisBroker]:
    return lambda: RedisBroker(url)


class TestBroker(BrokerSuite):
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
