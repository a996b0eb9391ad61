"""What is measured. Each workload returns figures by name; a worker of two child processes serves the queue."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import quantiles

from django.conf import settings
from django.db import connection

from benchmarks.tasks import clock_in, no_op
from celeriac.current import current_app
from celeriac.engine.job import LIVE

PATIENCE = 300.0
"""Seconds after which a queue that should drain counts as stuck."""


@contextmanager
def worker() -> Iterator[None]:
    """Start a worker; stop it at the end of a ``with`` block."""
    process = subprocess.Popen([sys.executable, "-m", "celeriac", "-A", "benchmarks", "worker", "-c", "2"])
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def in_database() -> bool:
    """Return whether the queue is in the database."""
    return str(settings.CELERY_BROKER_URL).startswith("django:")


def live() -> int:
    """Return how many jobs have not ended."""
    if not in_database():
        counts = current_app().broker().counts().values()
        return sum(jobs for states in counts for state, jobs in states.items() if state in LIVE)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from celeriac_live")
        return int(cursor.fetchone()[0])


def some_live() -> int:
    """Return 1 while a job has not ended, else 0. A count would have MariaDB read the whole table, again and again."""
    if not in_database():
        return live()
    with connection.cursor() as cursor:
        cursor.execute("select 1 from celeriac_live limit 1")
        return len(cursor.fetchall())


def wait_until(reached: Callable[[int], bool], live: Callable[[], int] = live) -> int:
    """Look every few milliseconds until the number of live jobs is as wanted; return it."""
    deadline = time.monotonic() + PATIENCE
    while not reached(left := live()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{left} jobs were still live after {PATIENCE:g} s.")
        time.sleep(0.005)
    return left


def drain(jobs: int) -> dict[str, float]:
    """Fill the queue, start a worker, and measure from the first job that has ended to the last."""
    no_op.bulk([(number, "abc") for number in range(jobs)])
    with worker():
        first = wait_until(lambda left: left < jobs)
        begun = time.perf_counter()
        wait_until(lambda left: left == 0, some_live)
        return {"drain, jobs/s": first / (time.perf_counter() - begun)}


def enqueue(jobs: int) -> dict[str, float]:
    """Enqueue one by one, then in bulk, with nobody listening."""
    begun = time.perf_counter()
    for number in range(jobs // 20):
        no_op.delay(number, "abc")
    one_by_one = jobs // 20 / (time.perf_counter() - begun)
    begun = time.perf_counter()
    no_op.bulk([(number, "abc") for number in range(jobs)])
    return {"enqueue one by one, jobs/s": one_by_one, "bulk, jobs/s": jobs / (time.perf_counter() - begun)}


def latency(jobs: int) -> dict[str, float]:
    """One job at a time on an idle worker: from ``delay()`` to the body's first line, and to the caller's having the result."""
    count = max(100, min(jobs // 100, 500))
    with worker():
        clock_in.delay().get(timeout=60)
        return {
            **_percentiles("start", [_start() for _ in range(count)]),
            **_percentiles("round trip", [_round_trip() for _ in range(count)]),
        }


def _start() -> float:
    """Return the milliseconds until the body began, with nobody waiting for its result; then let the worker go idle."""
    called = time.time()
    result = clock_in.delay()
    time.sleep(0.02)
    began: float = result.get(timeout=30)
    return (began - called) * 1000


def _round_trip() -> float:
    """Return the milliseconds until the result was here; then let the worker go idle."""
    called = time.perf_counter()
    clock_in.delay().get(timeout=30)
    back = time.perf_counter()
    time.sleep(0.02)
    return (back - called) * 1000


def _percentiles(name: str, milliseconds: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(milliseconds, n=100)
    return {f"{name} p50, ms": cuts[49], f"{name} p99, ms": cuts[98]}


WORKLOADS: Mapping[str, Callable[[int], dict[str, float]]] = {"drain": drain, "enqueue": enqueue, "latency": latency}
