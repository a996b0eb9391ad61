"""Real workers behind a RabbitMQ server: woken at once, and nothing lost with a child, the worker or the server."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from celeriac.engine.job import State
from celeriac.testing.rabbitmq import RabbitServer
from tests.chaos.bench import Bench
from tests.chaos.database import rabbitmq_settings, sqlite_settings
from tests.process.conftest import a_bench
from tests.rabbitmq.conftest import rabbitmq

pytestmark = pytest.mark.process
__all__ = ["rabbitmq"]

LEASE = 1.2
_numbers = itertools.count(1)


@pytest.fixture
def bench(rabbitmq: RabbitServer, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Bench]:
    """A bench whose jobs travel over RabbitMQ, on queues of its own, to a SQLite file."""
    url = rabbitmq.url(prefix=f"p{os.getpid()}.{next(_numbers)}.")
    settings = rabbitmq_settings(url, sqlite_settings(tmp_path / "jobs.sqlite3"))
    with django_db_blocker.unblock(), a_bench(tmp_path, settings) as run:
        yield run


def latency(bench: Bench) -> float:
    """Return the seconds from the enqueue of a job to the beginning of its body."""
    begun = time.monotonic()
    job = bench.push("noop")
    start = bench.ledger.await_start(job)
    bench.ended(job)
    return start.at - begun


def test_an_idle_worker_is_woken_and_a_scheduled_job_is_on_time(bench: Bench) -> None:
    bench.start(concurrency=2)
    assert min(latency(bench) for _ in range(5)) < 0.1, "polling would take half a second"
    due = time.monotonic() + 0.4
    late = bench.ledger.await_start(bench.push_in(0.4, "noop")).at - due
    assert late > -0.01


def test_the_job_of_a_killed_child_runs_again_at_once_and_is_charged(bench: Bench) -> None:
    bench.start(concurrency=1)
    job = bench.push("hold", "end")
    first = bench.ledger.await_start(job)
    os.kill(first.pid, signal.SIGKILL)
    killed = time.monotonic()
    second = bench.ledger.await_start(job, times=2)
    assert second.at - killed < 1.0
    assert bench.record(job).charges == 1
    bench.open_gate("end")
    assert bench.ended(job).state is State.SUCCEEDED


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
