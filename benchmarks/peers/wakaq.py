"""wakaq: two worker processes. It keeps no results and no lease: what a process has taken when it dies is lost."""

from __future__ import annotations

import logging

from wakaq import WakaQ

from benchmarks.clocks import clock_in
from benchmarks.peers.base import PROCESSES
from benchmarks.place import place, script

HERE = place()
app = WakaQ(queues=["measured"], host=HERE.host, port=HERE.port, concurrency=PROCESSES, worker_log_level=logging.WARNING)


def measured(number: int, text: str) -> None:
    """Clock in."""
    clock_in(number)


task = app.task(measured)


def prepare() -> None:
    """Nothing: a queue is a key."""


def worker() -> list[list[str]]:
    """One worker with children."""
    return [[script("wakaq-worker"), "--app", f"{__name__}.app"]]


def enqueue(number: int, text: str) -> None:
    """Enqueue one job."""
    task.delay(number, text)
