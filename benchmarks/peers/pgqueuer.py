"""pgqueuer: two processes with batches of 100. It keeps no results."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from benchmarks.clocks import clock_in
from benchmarks.peers.base import PROCESSES, TEXT
from benchmarks.place import place

HERE = place()
_loop = asyncio.new_event_loop()


async def _connect() -> AsyncpgDriver:
    return AsyncpgDriver(await asyncpg.connect(host=HERE.host, port=HERE.port, user=HERE.user, database=HERE.database))


@asynccontextmanager
async def main() -> AsyncIterator[PgQueuer]:
    """Yield what ``pgq run`` runs."""
    logging.getLogger("pgqueuer").setLevel(logging.WARNING)
    manager = PgQueuer(await _connect())

    async def measured(job: Any) -> None:
        number, _text = json.loads(job.payload)
        clock_in(number)

    manager.entrypoint("measured")(measured)
    yield manager


_queries: list[Queries] = []


def prepare() -> None:
    """Connect and make the tables."""
    _queries.append(Queries(_loop.run_until_complete(_connect())))
    _loop.run_until_complete(_queries[0].install())


def worker() -> list[list[str]]:
    """Two processes: one runs one event loop."""
    return [[sys.executable, "-m", "pgqueuer", "run", f"{__name__}:main", "--batch-size", "100"]] * PROCESSES


def _payload(number: int, text: str) -> bytes:
    return json.dumps([number, text]).encode()


def enqueue(number: int, text: str) -> None:
    """Enqueue one job."""
    _loop.run_until_complete(_queries[0].enqueue("measured", _payload(number, text)))


def enqueue_many(numbers: range) -> None:
    """Enqueue lists of 10,000 in one statement each."""
    for start in range(0, len(numbers), 10_000):
        part = numbers[start : start + 10_000]
        payloads: list[bytes | None] = [_payload(number, TEXT) for number in part]
        _loop.run_until_complete(_queries[0].enqueue(["measured"] * len(part), payloads, [0] * len(part)))
