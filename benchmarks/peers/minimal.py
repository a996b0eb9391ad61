"""The minimal engine: a limit to compare drains with, and no queue that anybody could use."""

from __future__ import annotations

import sys

from benchmarks.minimal import Engine, engine
from benchmarks.peers.base import PROCESSES

_engine: list[Engine] = []


def prepare() -> None:
    """Connect and make the table."""
    _engine.append(engine())
    _engine[0].create()


def worker() -> list[list[str]]:
    """Processes that end when the queue is empty."""
    start = "import sys; from benchmarks.minimal import work; work(int(sys.argv[1]))"
    return [[sys.executable, "-c", start, str(number)] for number in range(PROCESSES)]


def enqueue(number: int, text: str) -> None:
    """Enqueue one job."""
    enqueue_many(range(number, number + 1))


def enqueue_many(numbers: range) -> None:
    """Enqueue them all."""
    _engine[0].fill(numbers)
