"""The benchmarks run a worker of our own and count what it does from outside."""

from __future__ import annotations

import sys

import pytest

from benchmarks.bench import Bench, Failed, Scale, bench
from benchmarks.catalogue import System
from benchmarks.servers import SQLiteFiles
from benchmarks.targets import P50, P99
from benchmarks.workloads import WORKLOADS

pytestmark = pytest.mark.process
OURS = System("sqlite", "celeriac")


def test_how_long_jobs_wait_for_a_worker_is_measured_from_outside() -> None:
    with bench(OURS, Scale(latencies=10), SQLiteFiles()) as ready:
        figures = WORKLOADS["latency"].run(ready)
    assert 0 < figures[P50] <= figures[P99]


def test_a_worker_that_ends_at_once_fails_with_its_log() -> None:
    with bench(OURS, Scale(), SQLiteFiles()) as ready:
        _break(ready)
        with pytest.raises(Failed, match=r"(?s)had not run.*no such thing"), ready.worker():
            ready.wait(ready.fill(1))


def _break(ready: Bench) -> None:
    ready._commands = [[sys.executable, "-c", "raise SystemExit('no such thing')"]]
