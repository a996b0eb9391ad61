"""One test, two databases: a SQLite file and a PostgreSQL server, each empty when the test begins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from celeriac.engine.brokers.sql.broker import SQLBroker
from tests.conformance.conftest import empty, opened, postgres, postgres_alias, sqlite_alias

__all__ = ["postgres", "postgres_alias", "sqlite_alias"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def alias(request: pytest.FixtureRequest) -> str:
    """Each database in turn."""
    found: str = request.getfixturevalue(f"{request.param}_alias")
    empty(found)
    return found


@pytest.fixture
def caller(alias: str) -> Iterator[SQLBroker]:
    """The broker as code of the project has it: on Django's own connection."""
    broker = SQLBroker(alias)
    yield broker
    broker.close()


@pytest.fixture
def others(alias: str) -> Iterator[SQLBroker]:
    """The same database as everybody else sees it: on a connection of its own, as a worker has it."""
    broker = opened(alias)
    yield broker
    broker.close()
