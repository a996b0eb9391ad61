"""What an adapter is: a module with the settings of one system, its task, and these functions."""

from __future__ import annotations

from typing import Any, Protocol

TEXT = "abc"
"""The second argument of every job. The first is its number; the body clocks in and returns it."""
PROCESSES = 2


class Adapter(Protocol):
    """A module of this folder. It may also have ``enqueue_many(numbers)``, the system's own call for many jobs."""

    def prepare(self) -> None:
        """Make tables and the like, once a measurement."""

    def worker(self) -> list[list[str]]:
        """Return the commands that together are a worker of two processes."""

    def enqueue(self, number: int, text: str) -> Any:
        """Enqueue one job."""
