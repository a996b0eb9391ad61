"""procrastinate: two workers of one job at a time, its default. Jobs stay in their table; there are no results."""

from __future__ import annotations

import sys

from procrastinate import App, PsycopgConnector

from benchmarks.clocks import clock_in
from benchmarks.peers.base import PROCESSES, TEXT
from benchmarks.place import place

HERE = place()
DSN = f"host={HERE.host} port={HERE.port} user={HERE.user} dbname={HERE.database}"
app = App(connector=PsycopgConnector(conninfo=DSN), import_paths=[__name__])


async def measured(number: int, text: str) -> None:
    """Clock in."""
    clock_in(number)


task = app.task(measured, name="measured")


def prepare() -> None:
    """Connect and make the tables."""
    app.open()
    app.schema_manager.apply_schema()


def worker() -> list[list[str]]:
    """Two processes: one runs one event loop."""
    return [[sys.executable, "-m", "procrastinate", "--app", f"{__name__}.app", "worker"]] * PROCESSES


def enqueue(number: int, text: str) -> None:
    """Enqueue one job."""
    app.configure_task("measured").defer(number=number, text=text)


def enqueue_many(numbers: range) -> None:
    """Enqueue lists of 1,000 in one statement each."""
    for start in range(0, len(numbers), 1_000):
        part = numbers[start : start + 1_000]
        app.configure_task("measured").batch_defer(*({"number": number, "text": TEXT} for number in part))
