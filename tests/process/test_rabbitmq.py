"""Real workers behind a RabbitMQ server: woken at once, and nothing lost with a child, the worker or the server."""

from __future__ import annotations

import os
import signal
import time

import pytest

from celeriac.engine.job import State
from celeriac.testing.rabbitmq import RabbitServer
from tests.chaos.bench import Bench

pytestmark = pytest.mark.process

LEASE = 1.2


@pytest.fixture
def bench(rabbitmq_bench: Bench) -> Bench:
    return rabbitmq_bench


def test_an_idle_worker_is_woken_and_a_scheduled_job_is_not_early(bench: Bench) -> None:
    bench.start(concurrency=1)
    assert bench.latency() < 0.3
    assert bench.lateness(1)[0] > -0.01


def test_nobody_waits_behind_a_long_job(bench: Bench) -> None:
    bench.start(concurrency=2)
    long = bench.push("hold", "end")
    bench.ledger.await_start(long)
    short = [bench.push("noop") for _ in range(20)]
    assert {job.state for job in bench.all_ended(short)} == {State.SUCCEEDED}
    assert bench.state(long) is State.RUNNING
    bench.open_gate("end")
    assert bench.ended(long).state is State.SUCCEEDED


def test_a_worker_that_is_killed_whole_loses_nothing(bench: Bench) -> None:
    first = bench.start(concurrency=2, lease=LEASE, renew_every=0.3)
    jobs = bench.push_all([bench.job("noop") for _ in range(300)])
    held = bench.push("hold", "end")
    bench.ledger.await_start(held)
    os.kill(first.pid, signal.SIGKILL)
    bench.open_gate("end")
    bench.start(concurrency=2, lease=LEASE, renew_every=0.3)
    jobs += bench.push_all([bench.job("noop") for _ in range(50)])
    assert {job.state for job in bench.all_ended([*jobs, held])} == {State.SUCCEEDED}


def test_a_server_that_is_killed_under_load_loses_nothing_and_is_consumed_from_again(
    rabbitmq: RabbitServer, bench: Bench
) -> None:
    worker = bench.start(concurrency=2)
    jobs = [bench.push("noop")]
    rabbitmq.keep_queues()
    jobs += bench.push_all([bench.job("noop") for _ in range(500)])
    rabbitmq.restart()
    answered = time.monotonic()
    after = bench.push("noop")
    assert bench.ledger.await_start(after).at - answered < 3.0
    assert {job.state for job in bench.all_ended([*jobs, after])} == {State.SUCCEEDED}
    assert "Traceback" not in worker.printed()


def test_a_worker_goes_on_with_what_its_store_has_while_the_server_is_away(rabbitmq: RabbitServer, bench: Bench) -> None:
    worker = bench.start(concurrency=1, lease=LEASE, renew_every=0.3)
    held = bench.push("hold", "end")
    bench.ledger.await_start(held)
    rabbitmq.interrupt()
    later = bench.push_in(LEASE + 0.5, "noop")
    bench.open_gate("end")
    assert bench.ended(held).state is State.SUCCEEDED
    assert bench.ended(later).state is State.SUCCEEDED
    assert len(bench.ledger.starts(held)) == 1
    assert "Traceback" not in worker.printed()
