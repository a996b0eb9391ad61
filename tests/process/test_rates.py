"""A rate limit holds over all processes of all workers, and other tasks do not wait for it."""

from __future__ import annotations

import time

import pytest

from celeriac.engine.job import State
from tests.chaos.bench import Bench
from tests.chaos.tasks import PACE

pytestmark = pytest.mark.process

PACED = 14
CLOCKS = 0.005
"""Seconds by which the database's clock, which gives the turns, may differ from ours within a test."""


def test_two_workers_keep_one_rate_and_what_waits_behind_is_not_held_up(bench: Bench) -> None:
    for _ in range(2):
        bench.start(concurrency=2)
    jobs = [*(bench.job("paced") for _ in range(PACED)), *(bench.job("noop") for _ in range(20))]
    pushed = time.monotonic()
    ids = bench.push_all(jobs)
    assert {job.state for job in bench.all_ended(ids)} == {State.SUCCEEDED}
    runs = bench.ledger.runs("start")
    paced = sorted(run.at for run in runs if run.key in ids[:PACED])
    assert len(paced) == PACED, "each ran once"
    for turn, at in enumerate(paced):
        assert at - pushed >= turn * PACE - CLOCKS, "nobody begins before the turn"
    assert max(run.at for run in runs if run.key in ids[PACED:]) < paced[-1]
    assert [bench.record(id).attempts for id in ids[:PACED]] == [1] * PACED


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_a_pool_in_one_process_keeps_the_rate_too(sqlite_bench: Bench, pool: str) -> None:
    sqlite_bench.start(pool=pool, concurrency=2)
    pushed = time.monotonic()
    ids = sqlite_bench.push_all([sqlite_bench.job("paced") for _ in range(6)])
    sqlite_bench.all_ended(ids)
    starts = sorted(run.at for run in sqlite_bench.ledger.runs("start"))
    assert len(starts) == 6
    assert all(at - pushed >= turn * PACE - CLOCKS for turn, at in enumerate(starts))
