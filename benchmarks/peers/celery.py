"""Celery: prefork. Results in Redis, with RabbitMQ over ``rpc``; or none."""

from __future__ import annotations

import sys

from celery import Celery

from benchmarks.clocks import clock_in
from benchmarks.peers.base import PROCESSES
from benchmarks.place import place

HERE = place()
RABBIT = {
    "task_default_queue_type": "quorum",
    "task_default_exchange_type": "topic",
    "broker_transport_options": {"confirm_publish": True},
}

app = Celery("measured", broker=HERE.url)
app.conf.update(
    result_backend="rpc://" if HERE.engine == "rabbitmq" else HERE.url,
    task_ignore_result=HERE.variant == "none",
    broker_connection_retry_on_startup=True,
    **(RABBIT if HERE.engine == "rabbitmq" else {}),
)


def measured(number: int, text: str) -> int:
    """Clock in."""
    clock_in(number)
    return number


task = app.task(measured, name="measured")


def prepare() -> None:
    """Nothing: Celery declares what it needs."""


def worker() -> list[list[str]]:
    """One worker with children."""
    return [[sys.executable, "-m", "celery", "-A", __name__, "worker", "-P", "prefork", "-c", str(PROCESSES), "-l", "warning"]]


def enqueue(number: int, text: str) -> None:
    """Enqueue one job."""
    task.delay(number, text)
