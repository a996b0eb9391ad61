"""Children that have grown over ``max_memory_per_child`` are replaced."""

from __future__ import annotations

import logging
import time

from celeriac.engine.master.processes import Processes
from celeriac.engine.worker.linux import resident_kib

logger = logging.getLogger("celeriac.master")

EVERY = 1.0
"""Seconds between two looks."""


class MemoryWatch:
    """Looks at the memory of all children, and lets those drain that have too much. Owned by the master."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._next = 0.0

    def look(self) -> None:
        """Look, if it is time to."""
        current = self._processes.current
        most = current.options.max_memory_per_child if current is not None and current.options is not None else None
        now = time.monotonic()
        if not most or now < self._next:
            return
        self._next = now + EVERY
        for process in self._processes.running_children:
            used = resident_kib(process.pid)
            if used > most and not process.draining:
                logger.info("Child (pid %d) uses %d KiB, over its limit of %d; it is replaced.", process.pid, used, most)
                process.drain()
