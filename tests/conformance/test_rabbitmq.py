"""RabbitMQ before a store keeps every promise of the suites, on real servers, for a user with the rights of docs/rabbitmq.md.

A job that was pushed has travelled over RabbitMQ when ``push`` returns here, as if the conveyor were always faster than whoever
asks next. What happens while it is on its way, ``tests/rabbitmq`` asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import msgspec
import pytest

from celeriac.engine.brokers.rabbitmq.broker import RabbitBroker
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.job import Job
from celeriac.testing.conformance import ControlSuite, EngineSuite
from celeriac.testing.conformance.machine import MachineSuite
from celeriac.testing.rabbitmq import RabbitServer
from tests.conformance.conftest import empty, opened
from tests.rabbitmq.conftest import LEAST_RIGHTS, rabbitmq

__all__ = ["rabbitmq"]


class Arrived(RabbitBroker):
    """Over RabbitMQ into the store, at once. So each job can be read, and they come by their priority."""

    def __init__(self, url: str, store: Any, cloned: bool = False) -> None:
        super().__init__(url, store, cloned)
        self.capabilities = msgspec.structs.replace(self.capabilities, priority=True, inspect=True)

    def push(self, jobs: Sequence[Job]) -> None:
        for queue, together in groupby(jobs, key=lambda job: job.queue):  # the store counts them in the order of the push
            super().push(list(together))
            self.bring_in([queue])

    def clone(self) -> Arrived:
        return Arrived(self.url, self.inner.clone(), cloned=True)


@pytest.fixture
def make_broker(request: pytest.FixtureRequest, rabbitmq: RabbitServer) -> Callable[[], Arrived]:
    """A broker over a SQLite file, unless a class asks for another store: each passes all of the suites by itself, too."""
    if getattr(request, "param", "sqlite") == "sqlite":
        alias = request.getfixturevalue("sqlite_alias")
        empty(alias)
        return lambda: arrived(rabbitmq.url(LEAST_RIGHTS, prefix="celeriac.sqlite."), opened(alias))
    url = request.getfixturevalue("valkey").url()
    RedisBroker(url).client.flushdb()
    return lambda: arrived(rabbitmq.url(LEAST_RIGHTS, prefix="celeriac.valkey."), RedisBroker(url))


def arrived(url: str, store: Any) -> Arrived:
    broker = Arrived(url, store)
    broker.open()
    return broker


class TestEngine(EngineSuite):
    pass


@pytest.mark.parametrize("make_broker", ["valkey"], indirect=True)
class TestControlOnValkey(ControlSuite):
    pass


class TestMachine(MachineSuite):
    examples = 5
