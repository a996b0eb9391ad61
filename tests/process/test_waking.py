"""When jobs begin: at once where a worker is idle, near their time where they are scheduled."""

from __future__ import annotations

import time
from itertools import pairwise
from statistics import median

import pytest

from celeriac.engine.job import State
from tests.chaos.bench import Bench

pytestmark = pytest.mark.process


@pytest.mark.parametrize("pool", ["prefork", "threads", "asyncio", "solo"])
def test_an_idle_worker_is_woken_rather_than_finding_its_job_by_polling(bench: Bench, pool: str) -> None:
    if bench.engine == "postgresql" and pool not in ("prefork", "solo"):
        pytest.skip("who waits is the child, in every pool alike")
    bench.start(pool=pool, concurrency=1)
    assert bench.latency() < 0.3


def test_a_scheduled_job_runs_near_its_time(bench: Bench) -> None:
    bench.start(concurrency=1)
    late = bench.lateness()
    assert late[0] > -0.01
    assert median(late) < 0.3


def test_a_retry_waits_its_delay_and_then_runs(bench: Bench) -> None:
    bench.start(concurrency=1)
    job = bench.push("flaky", 2)
    assert bench.ended(job).state is State.SUCCEEDED
    starts = bench.ledger.starts(job)
    assert len(starts) == 3
    assert all(later.at - earlier.at > 0.15 for earlier, later in pairwise(starts)), "its delay is 0.2 s"
    assert bench.record(job).attempts == 3


def test_a_caller_who_waits_for_a_result_is_woken(bench: Bench) -> None:
    bench.start(concurrency=1)

    def overhead() -> float:
        job = bench.push("sleep", 0.05)
        bench.ended(job)
        returned = time.monotonic()
        return returned - next(run.at for run in bench.ledger.runs("end") if run.key == job)

    assert median(overhead() for _ in range(5)) < 0.3, "who is not woken looks after a second"
