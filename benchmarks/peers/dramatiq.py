"""dramatiq: two processes of eight threads, its default. It keeps no results."""

from __future__ import annotations

import sys

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker

from benchmarks.clocks import clock_in
from benchmarks.peers.base import PROCESSES
from benchmarks.place import place


class QuorumBroker(RabbitmqBroker):  # type: ignore[misc]  # the base has no types here
    """RabbitMQ with queues that survive the loss of a node, as everybody else here has."""

    def _build_queue_arguments(self, queue_name: str) -> dict[str, object]:
        return {**super()._build_queue_arguments(queue_name), "x-queue-type": "quorum"}


HERE = place()
broker = QuorumBroker(url=HERE.url, confirm_delivery=True) if HERE.engine == "rabbitmq" else RedisBroker(url=HERE.url)
dramatiq.set_broker(broker)


def measured(number: int, text: str) -> None:
    """Clock in."""
    clock_in(number)


actor = dramatiq.actor(measured)


def prepare() -> None:
    """Nothing: queues are declared by their first message."""


def worker() -> list[list[str]]:
    """One command with its processes."""
    return [[sys.executable, "-m", "dramatiq", __name__, "--processes", str(PROCESSES)]]


def enqueue(number: int, text: str) -> None:
    """Enqueue one job."""
    actor.send(number, text)
