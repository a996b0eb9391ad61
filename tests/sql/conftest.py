"""One test, three databases: a SQLite file, a PostgreSQL server and a MariaDB server, each empty when the test begins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from celeriac import Celery
from celeriac.engine.brokers.sql.broker import SQLBroker
from tests.conformance.conftest import empty, mariadb, mariadb_alias, opened, postgres, postgres_alias, sqlite_alias

__all__ = ["mariadb", "mariadb_alias", "postgres", "postgres_alias", "sqlite_alias"]


POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)
MARIADB = pytest.param("mariadb", marks=pytest.mark.mariadb)


@pytest.fixture(params=["sqlite", POSTGRES, MARIADB])
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


@pytest.fixture
def app() -> Iterator[Celery]:
    """An app with one task, for what fills the table of periodic tasks."""
    app = Celery("shop", broker="memory://", set_as_current=False)
    app.conf.update(timezone="UTC")
    app.task(name="count")(lambda *args, **kwargs: None)
    yield app
    app.close()
