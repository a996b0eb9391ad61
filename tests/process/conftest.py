"""A bench for each process test: a database, a ledger, real workers; and the proof that none of their processes is left."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from celeriac.testing.mariadb import MariaDBServer
from celeriac.testing.servers import MISSING, PostgresServer, postgres_home
from tests.chaos.bench import Bench
from tests.chaos.database import Settings, known, mariadb_settings, postgres_settings, sqlite_settings
from tests.conformance.conftest import database, mariadb
from tests.process.smallsite import ALIAS, OPTIONS, Project

__all__ = ["mariadb"]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the process tests."""
    if postgres_home() is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with PostgresServer() as server:
        yield server


@contextmanager
def a_bench(folder: Path, settings: Settings) -> Iterator[Bench]:
    """Yield a bench; afterwards, kill its workers' masters and require that every process of theirs ends by itself."""
    with known(settings):
        run = Bench(folder, settings)
        orphans: list[int] = []
        try:
            yield run
        finally:
            orphans = run.close()
        assert not orphans, f"processes outlived their master by over 2 s: {orphans}"


@pytest.fixture
def sqlite_bench(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Bench]:
    """A bench on a SQLite file."""
    with django_db_blocker.unblock(), a_bench(tmp_path, sqlite_settings(tmp_path / "jobs.sqlite3")) as run:
        yield run


@pytest.fixture
def mariadb_bench(tmp_path: Path, mariadb: MariaDBServer, django_db_blocker: DjangoDbBlocker) -> Iterator[Bench]:
    """A bench on a MariaDB database of its own."""
    settings = mariadb_settings(mariadb, f"process_{next(_numbers)}")
    with django_db_blocker.unblock(), a_bench(tmp_path, settings) as run:
        yield run


@pytest.fixture
def postgres_bench(tmp_path: Path, postgres: PostgresServer, django_db_blocker: DjangoDbBlocker) -> Iterator[Bench]:
    """A bench on a PostgreSQL database of its own."""
    settings = postgres_settings(postgres, f"process_{next(_numbers)}")
    with django_db_blocker.unblock(), a_bench(tmp_path, settings) as run:
        yield run


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def bench(request: pytest.FixtureRequest) -> Bench:
    """A bench on each engine in turn."""
    found: Bench = request.getfixturevalue(f"{request.param}_bench")
    return found


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project whose database was never migrated."""
    project = Project(tmp_path)
    yield project
    project.close()


@pytest.fixture
def site(project: Project, django_db_blocker: DjangoDbBlocker) -> Iterator[Project]:
    """A project that was migrated."""
    engine = "django.db.backends.sqlite3"
    with django_db_blocker.unblock(), database(ALIAS, ENGINE=engine, NAME=project.path, OPTIONS=OPTIONS):
        yield project
