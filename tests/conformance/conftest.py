"""Databases of their own for the suites: a SQLite file, a PostgreSQL server from the wheel, the system's MariaDB."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django import DjangoDbBlocker

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.testing.mariadb import MariaDBServer, require_mariadb
from celeriac.testing.postgres import PostgresServer, require_postgres
from celeriac.testing.valkey import ValkeyServer, require_valkey
from tests.chaos.database import use_mysql_driver

TABLES = ("attempt", "idle", "live", "job", "child", "worker", "queue", "leader", "waiter", "rate", "turn", "periodic")
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the whole run."""
    require_postgres()
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDBServer]:
    """One MariaDB server for the whole run."""
    require_mariadb()
    use_mysql_driver()
    with MariaDBServer() as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """One Valkey server for the whole run, for what is between two engines."""
    require_valkey()
    with ValkeyServer() as server:
        yield server


@contextmanager
def database(alias: str, **settings: Any) -> Iterator[str]:
    """Make a database known to Django under ``alias`` for the time of a ``with`` block, with Celeriac's tables in it.

    It must be gone before another test module has Django make its test databases, or it would be taken for one of them.
    """
    common = {"ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "TIME_ZONE": None}
    place = {"HOST": "", "PORT": "", "USER": "", "PASSWORD": "", "OPTIONS": {}, "TEST": {"MIRROR": None}}
    connections.databases[alias] = {**common, **place, **settings}
    try:
        call_command("migrate", "celeriac", database=alias, verbosity=0)
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.databases[alias]


@pytest.fixture(scope="module")
def sqlite_alias(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A SQLite file as the documentation says to set it up."""
    path: Path = tmp_path_factory.mktemp("sqlite") / "conformance.sqlite3"
    options = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    engine = "django.db.backends.sqlite3"
    with django_db_blocker.unblock(), database("conformance_sqlite", ENGINE=engine, NAME=str(path), OPTIONS=options) as alias:
        yield alias


@pytest.fixture(scope="module")
def postgres_alias(postgres: PostgresServer, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A database on the PostgreSQL server."""
    params = postgres.params
    place = {"NAME": params["dbname"], "USER": params["user"], "HOST": params["host"], "PORT": str(params["port"])}
    with (
        django_db_blocker.unblock(),
        database("conformance_postgres", ENGINE="django.db.backends.postgresql", **place) as alias,
    ):
        yield alias


@pytest.fixture(scope="module")
def mariadb_alias(mariadb: MariaDBServer, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A database on the MariaDB server, of a character set that Celeriac's tables must not take from it."""
    name = f"conformance_{next(_numbers)}"
    mariadb.create(name, "latin1")
    with django_db_blocker.unblock(), database("conformance_mariadb", **mariadb.params, NAME=name) as alias:
        yield alias


def empty(alias: str) -> None:
    """Delete every row of Celeriac's tables."""
    with connections[alias].cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"delete from celeriac_{table}")
    connections[alias].close()


@pytest.fixture
def broker(make_broker: Callable[[], Any]) -> Iterator[Any]:
    """The broker that a suite works on, of the kind that its module makes."""
    broker = make_broker()
    yield broker
    broker.close()


def opened(alias: str) -> SQLBroker:
    """Return an opened broker with a connection of its own, as a worker has it."""
    broker = SQLBroker(alias, private=True)
    broker.open()
    return broker
