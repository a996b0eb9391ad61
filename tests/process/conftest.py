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
from celeriac.testing.rabbitmq import RabbitServer
from tests.chaos.bench import Bench
from tests.chaos.checker import Verdict
from tests.chaos.database import Settings, known, mariadb_settings, postgres_settings, rabbitmq_settings, sqlite_settings
from tests.chaos.engines import ENGINES, Engine
from tests.chaos.engines.base import Unavailable
from tests.chaos.workers import GONE_WITHIN
from tests.conformance.conftest import database, mariadb
from tests.process.smallsite import ALIAS, OPTIONS, Project
from tests.rabbitmq.conftest import rabbitmq

__all__ = ["mariadb", "rabbitmq"]

_numbers = itertools.count(1)
SEED = 20_261_121
POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)
MARIADB = pytest.param("mariadb", marks=pytest.mark.mariadb)


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


def wrong(verdict: Verdict) -> dict[str, object]:
    """Return how often what went wrong, with examples. Skip where the machine stood still for a lease: that says nothing."""
    found = {name: (count, verdict.examples.get(name)) for name, count in verdict.wrong.items() if count}
    if verdict.is_inconclusive:
        pytest.skip(f"The machine stood still for {verdict.stall:g} s, as long as a lease: {found}")
    return found


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
        assert not orphans, f"processes outlived their master by over {GONE_WITHIN:g} s: {orphans}"


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


@pytest.fixture
def valkey_bench(tmp_path: Path, chaos_engine: Callable[[str], Engine]) -> Iterator[Bench]:
    """A bench on a namespace of its own."""
    with a_bench(tmp_path, chaos_engine("valkey").settings("process", tmp_path)) as run:
        yield run
        run.store.client.flushall()


@pytest.fixture
def rabbitmq_bench(rabbitmq: RabbitServer, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Bench]:
    """A bench whose jobs travel over RabbitMQ, on queues of its own, to a SQLite file."""
    url = rabbitmq.url(prefix=f"p{os.getpid()}.{next(_numbers)}.")
    settings = rabbitmq_settings(url, sqlite_settings(tmp_path / "jobs.sqlite3"))
    with django_db_blocker.unblock(), a_bench(tmp_path, settings) as run:
        yield run


@pytest.fixture(params=["sqlite", POSTGRES])
def bench(request: pytest.FixtureRequest) -> Bench:
    """A bench on SQLite, then on PostgreSQL."""
    found: Bench = request.getfixturevalue(f"{request.param}_bench")
    return found


@pytest.fixture(params=["sqlite", POSTGRES, MARIADB, "valkey", "rabbitmq"])
def every_bench(request: pytest.FixtureRequest) -> Bench:
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
