"""huey: two worker processes, results kept until they are read. What runs when a process dies is lost."""

from __future__ import annotations

import sqlite3
import sys

from huey import Huey, RedisHuey
from huey.storage import SqliteStorage

from benchmarks.clocks import clock_in
from benchmarks.peers.base import PROCESSES
from benchmarks.place import place


class NormalStorage(SqliteStorage):  # type: ignore[misc]  # the base has no types here
    """SQLite with ``synchronous=NORMAL`` and rare checkpoints, as for all here. huey knows FULL, a tenth as fast, and OFF."""

    def _create_connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = super()._create_connection()
        connection.execute("pragma synchronous=normal")
        connection.execute("pragma wal_autocheckpoint=10000")
        return connection


HERE = place()
huey = (
    Huey("measured", storage_class=NormalStorage, filename=HERE.file("huey.db"))
    if HERE.engine == "sqlite"
    else RedisHuey("measured", url=HERE.url)
)


def measured(number: int, text: str) -> int:
    """Clock in."""
    clock_in(number)
    return number


task = huey.task()(measured)


def prepare() -> None:
    """Nothing: the tables are there since the import."""


def worker() -> list[list[str]]:
    """One consumer with processes, its scheduler beside them."""
    return [[sys.executable, "-m", "huey.bin.huey_consumer", f"{__name__}.huey", "-w", str(PROCESSES), "-k", "process", "-q"]]


def enqueue(number: int, text: str) -> None:
    """Enqueue one job."""
    task(number, text)
