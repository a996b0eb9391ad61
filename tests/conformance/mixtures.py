"""Brokers with their results elsewhere, on real servers and caches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import pytest
import redis
from django.core.cache import caches

from celeriac.engine.brokers.base import Command, Consequences
from celeriac.engine.brokers.djangocache import CacheResults
from celeriac.engine.brokers.mixed import MixedBroker
from celeriac.engine.brokers.redis.address import Address
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.resultstore import ResultStore
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import Token
from celeriac.engine.outcome import Outcome
from celeriac.engine.worker import resultmover
from celeriac.engine.worker.resultmover import ResultMover
from tests.conformance.conftest import empty


class Mixture(NamedTuple):
    """How to make a broker and its result store, and how to empty both."""

    broker: Callable[[], Any]
    results: Callable[[], ResultStore]
    empty: Callable[[], None]

    def make(self, kind: type[MixedBroker] = MixedBroker) -> MixedBroker:
        """Return an opened broker."""
        mixed = kind(self.broker(), self.results())
        mixed.open()
        return mixed

    def mover(self) -> ResultMover:
        """Return a mover with connections of its own."""
        return ResultMover(self.broker(), self.results(), "mover", {})


def mixture(name: str, request: pytest.FixtureRequest) -> Mixture:
    """Return the mixture ``<broker>+<results>``."""
    sides = {"valkey": _valkey, "valkey-1": _valkey_1, "sqlite": _sqlite, "postgres": _postgres, "cache": _cache}
    broker, results = (sides[side](request) for side in name.split("+"))

    def empty_both() -> None:
        broker[1]()
        results[1]()

    return Mixture(broker[0], results[0], empty_both)


Side = tuple[Callable[[], Any], Callable[[], None]]


def _valkey(request: pytest.FixtureRequest, database: int = 0) -> Side:
    url: str = request.getfixturevalue("valkey").url(database)
    return lambda: RedisBroker(url), lambda: _flush(url)


def _flush(url: str) -> None:
    options = Address(url).options()
    with redis.Redis(unix_socket_path=str(options["path"]), db=int(options["db"])) as client:
        client.flushdb()


def _valkey_1(request: pytest.FixtureRequest) -> Side:
    return _valkey(request, 1)


def _sqlite(request: pytest.FixtureRequest) -> Side:
    return _sql(request.getfixturevalue("sqlite_alias"))


def _postgres(request: pytest.FixtureRequest) -> Side:
    return _sql(request.getfixturevalue("postgres_alias"))


def _sql(alias: str) -> Side:
    return lambda: SQLBroker(alias, private=True), lambda: empty(alias)


def _cache(request: pytest.FixtureRequest) -> Side:
    request.getfixturevalue("file_cache")
    return lambda: CacheResults("cache://results?succeeded=600&failed=600"), caches["results"].clear


class Restless(MixedBroker):
    """Each job moves as soon as it has ended, so that nothing of it is left at the broker when a method returns."""

    def _moved_all(self) -> None:
        mover = ResultMover(self.inner, self.results, "mover", {})
        young, resultmover.YOUNG = resultmover.YOUNG, 0.0
        try:
            while mover.move():
                pass
        finally:
            resultmover.YOUNG = young

    def clone(self) -> Self:
        return type(self)(self.inner.clone(), self.results.clone())

    def settle(self, outcomes: Any) -> set[Token]:
        refused = super().settle(outcomes)
        self._moved_all()
        return refused

    def release(self, tokens: Any) -> int:
        gone = super().release(tokens)
        self._moved_all()
        return gone

    def rescue(self, *args: Any, **options: Any) -> int:
        taken = super().rescue(*args, **options)
        self._moved_all()
        return taken

    def leave(self, worker: str, consequences: Consequences | None = None) -> int:
        taken = super().leave(worker, consequences)
        self._moved_all()
        return taken

    def control(self, command: Command) -> int:
        changed = super().control(command)
        self._moved_all()
        return changed

    def remember(self, job: Any, outcome: Outcome) -> None:
        super().remember(job, outcome)
        self._moved_all()
