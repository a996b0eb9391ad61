"""The Redis engine keeps every promise of the suites, on a real Valkey server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

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
from celeriac.testing.valkey import MISSING, ValkeyServer, valkey_program


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    if valkey_program() is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with ValkeyServer() as server:
        yield server


@pytest.fixture
def broker(valkey: ValkeyServer) -> Iterator[RedisBroker]:
    broker = RedisBroker(valkey.url())
    broker.client.flushdb()
    broker.open()
    yield broker
    broker.close()


@pytest.fixture
def make_broker(valkey: ValkeyServer) -> Callable[[], RedisBroker]:
    return lambda: RedisBroker(valkey.url())


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
