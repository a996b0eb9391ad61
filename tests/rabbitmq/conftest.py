"""One RabbitMQ server for a whole run: it takes some seconds to start."""

from __future__ import annotations

import atexit
import itertools
import os
from collections.abc import Iterator
from functools import cache

import pytest

from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.brokers.rabbitmq.broker import RabbitBroker
from celeriac.engine.clock import SystemClock
from celeriac.testing.rabbitmq import RabbitServer, require_rabbitmq

_numbers = itertools.count(1)


@cache
def _shared() -> RabbitServer:
    server = RabbitServer()
    atexit.register(server.stop)
    return server


@pytest.fixture
def rabbitmq() -> RabbitServer:
    """The server, running, whatever the test before has done to it. All modules of a process share it."""
    require_rabbitmq()
    return _shared().start()


@pytest.fixture
def url(rabbitmq: RabbitServer) -> str:
    """A URL with queues of this test alone."""
    return rabbitmq.url(prefix=f"t{os.getpid()}.{next(_numbers)}.")


@pytest.fixture
def store() -> MemoryBroker:
    """What jobs are brought into."""
    return MemoryBroker(SystemClock())


@pytest.fixture
def broker(url: str, store: MemoryBroker) -> Iterator[RabbitBroker]:
    broker = RabbitBroker(url, store)
    yield broker
    broker.close()
