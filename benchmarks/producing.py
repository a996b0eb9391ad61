"""The process that enqueues, in the environment of the system it measures: ``python -m benchmarks.producing PEER``.

It reads one order a line, as JSON, and answers with one line each. It knows of its peer what ``peers/base.py`` says.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.peers.base import TEXT, Adapter

WARM_UP = 50
"""Calls before the clock starts: connections, prepared statements, caches."""


class Producer:
    """Carries out orders with one adapter."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter

    def prepare(self) -> dict[str, Any]:
        """Make tables and the like; return the commands of the worker and whether there is a bulk call of the peer's own."""
        self._adapter.prepare()
        return {"worker": self._adapter.worker(), "bulk": hasattr(self._adapter, "enqueue_many")}

    def flood(self, first: int, seconds: float) -> dict[str, Any]:
        """Enqueue one by one, without a pause, for so long."""
        enqueue, number = self._adapter.enqueue, first
        for number in range(first, first + WARM_UP):
            enqueue(number, TEXT)
        begun = number = first + WARM_UP
        start = time.monotonic()
        end = start + seconds
        while time.monotonic() < end:
            enqueue(number, TEXT)
            number += 1
        return {"count": number - begun, "start": start, "seconds": time.monotonic() - start, "stop": number}

    def fill(self, first: int, count: int) -> float:
        """Enqueue so many in the fastest way there is; return the seconds it took."""
        start = time.monotonic()
        if (many := getattr(self._adapter, "enqueue_many", None)) is not None:
            many(range(first, first + count))
        else:
            for number in range(first, first + count):
                self._adapter.enqueue(number, TEXT)
        return time.monotonic() - start

    def pace(self, first: int, count: int, apart: float) -> list[float]:
        """Enqueue one every so many seconds; return when each call began."""
        called, due = [], time.monotonic()
        for number in range(first, first + count):
            time.sleep(max(0.0, due - time.monotonic()))
            called.append(time.monotonic())
            self._adapter.enqueue(number, TEXT)
            due = max(due + apart, time.monotonic())
        return called

    def call(self, function: str, arguments: dict[str, Any]) -> Any:
        """Call what only some systems have: a function of this package, as ``module:name``."""
        module, _, name = function.partition(":")
        return getattr(importlib.import_module(module), name)(**arguments)


def main() -> None:
    """Answer orders until there are no more. Whatever else is printed goes to the log."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    producer = Producer(importlib.import_module(f"benchmarks.peers.{sys.argv[1]}"))
    orders: dict[str, Callable[..., Any]] = {
        "prepare": producer.prepare, "flood": producer.flood, "fill": producer.fill, "pace": producer.pace,
        "call": producer.call,
    }  # fmt: skip
    for line in sys.stdin:
        order = json.loads(line)
        answers.write(json.dumps(orders[order.pop("do")](**order)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
