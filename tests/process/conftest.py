"""A bench for each process test: a database, a ledger, real workers; and the proof that none of their processes is left."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from celeriac.testing.mariadb import MariaDBServer
from celeriac.testing.postgres import PostgresServer, require_postgres
from tests.chaos.bench import Bench
from tests.chaos.checker import Verdict
from tests.chaos.database import Settings, known, mariadb_settings, postgres_settings, sqlite_settings
from tests.chaos.engines import ENGINES, Engine
from tests.chaos.engines.base import Unavailable
from tests.conformance.conftest import database, mariadb
from tests.process.smallsite import ALIAS, OPTIONS, Project

__all__ = ["mariadb"]

_numbers = itertools.count(1)
SEED = 20_261_121


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the process tests."""
    require_postgres()
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def chaos_engine() -> Iterator[Callable[[str], Engine]]:
    """Return an engine by its name, with a server of its own that tests may kill, started at its first use."""
    with ExitStack() as running:

        @cache
        def start(name: str) -> Engine:
            try:
                return running.enter_context(ENGINES[name]())
            except Unavailable as error:
                if os.environ.get("CI"):
                    pytest.fail(str(error))
                pytest.skip(str(error))

        yield start


def sound(verdict: Verdict) -> None:
    """Require that nothing went wrong. Where it did and the machine stood still for as long as a lease, that says nothing."""
    wrong = {name: count for name, count in verdict.wrong.items() if count}
    assert not verdict.is_red, f"{wrong}, for example {verdict.examples}"
    if verdict.is_inconclusive:
        pytest.skip(f"The machine stood still for {verdict.stall:g} s, as long as a lease: {wrong}")


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
