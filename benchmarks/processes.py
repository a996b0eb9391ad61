"""The processes of a worker, seen from outside: how much memory is theirs, how much of a processor they use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil


class Tree:
    """Processes and all that they started."""

    def __init__(self, roots: Sequence[int], begun: float) -> None:
        self.begun = begun
        """When they were started, in seconds of the monotonic clock."""
        self._roots = roots

    def members(self) -> list[psutil.Process]:
        """Return who lives now."""
        return list(self._members())

    def _members(self) -> Iterator[psutil.Process]:
        for root in self._roots:
            with suppress(psutil.NoSuchProcess):  # it ended, and what it left is nobody's
                process = psutil.Process(root)
                yield process
                yield from process.children(recursive=True)

    def memory(self) -> dict[int, float]:
        """Return the MB of each process: its own pages, and its share of those that several have (PSS)."""
        sizes = {}
        for process in self._members():
            with suppress(psutil.NoSuchProcess):
                sizes[process.pid] = process.memory_full_info().pss / 1e6
        return sizes

    def processor_seconds(self) -> float:
        """Return the processor time of all threads of now, as the scheduler counts it: usual counts are of whole ticks."""
        nanoseconds = 0
        for process in self._members():
            with suppress(FileNotFoundError, ProcessLookupError):
                for thread in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
                    nanoseconds += int(thread.read_text().split()[0])
        if not nanoseconds:
            raise RuntimeError("This kernel writes no /proc/<pid>/task/*/schedstat (CONFIG_SCHED_INFO).")
        return nanoseconds / 1e9
