"""How many jobs a child claims next, and until when what it claimed may begin."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from celeriac.engine.ipc.slots import ENTRIES
from celeriac.engine.job import Job
from celeriac.engine.options import WorkerOptions
from celeriac.engine.worker.fetcher import SLOW, Fetcher
from celeriac.engine.worker.holdings import Holdings
from celeriac.engine.worker.publication import Publication

INLINE_POOLS = ("prefork", "solo")
"""Pools that run sync bodies in the child's main thread."""
FRESH = 0.02
"""Seconds, well under ``fetcher.SLOW``: what is claimed behind a fresh body has waited too long before that one is slow."""


class Room:
    """The free places of a child, and a small look-ahead. Owned by its main thread."""

    def __init__(self, options: WorkerOptions, fetcher: Fetcher, holdings: Holdings, publication: Publication) -> None:
        self._options = options
        self._inline = options.pool in INLINE_POOLS
        self._fetcher = fetcher
        self._holdings = holdings
        self._publication = publication
        self._asked = time.monotonic()
        self._looks_ahead = False
        self._dispatched = 0.0
        self._alone = False
        """Whether the last claim met a job that must run alone: until nothing else runs here, nothing is claimed."""

    def measure(self) -> int:
        """Return how many jobs to claim now."""
        self._asked, self._looks_ahead = time.monotonic(), False
        running = len(self._holdings.in_flight)
        if self._alone:
            return 0 if running else 1
        ahead = self._fetcher.look_ahead()
        if self._options.max_tasks_per_child is not None:
            ahead = min(ahead, self._options.max_tasks_per_child - self._holdings.ran)
        if self._inline:
            return min(ahead, self._options.coroutines - running)
        free = self._free(running)
        if free <= 0 or not self._all_fresh():
            return free
        self._looks_ahead = True
        return free + ahead - 1

    def _free(self, running: int) -> int:
        """Return how many jobs can begin at once, of whichever kind they are. More than the slot shows, none may run."""
        looping = self._holdings.looping
        threads = self._options.threads - (running - looping)
        return min(threads, self._options.coroutines - looping, ENTRIES - 1 - running)

    def isolate(self, jobs: Sequence[Job]) -> tuple[Sequence[Job], Sequence[Job]]:
        """Return the claimed jobs to run now, and those to release.

        A job that was charged twice runs alone: its neighbours go back, or it does until nothing else runs (invariant 8).
        """
        suspects = [index for index, job in enumerate(jobs) if job.charges >= self._options.poison_limit - 1]
        self._alone = bool(suspects)
        if not suspects:
            return jobs, ()
        cut = suspects[0] or (0 if self._holdings.in_flight else 1)
        return jobs[:cut], jobs[cut:]

    def dispatching(self) -> None:
        """What was claimed is about to be brought to where it runs."""
        self._dispatched = time.monotonic()

    def latest_begin(self, to_loop: bool) -> float:
        """Return until when a job may begin beside the main thread: before the keeper can find slow what it waits behind.

        In the main thread nothing that blocks has begun yet. In a pool what blocks may have begun ``FRESH`` before we looked; a
        job for a free thread waits behind nobody. One for the loop does once the last free thread is taken, which is not before
        this dispatch.
        """
        if self._inline:
            return time.monotonic() + SLOW
        if to_loop and not self._looks_ahead:
            return self._dispatched + SLOW
        return self._asked + SLOW if self._looks_ahead else math.inf

    def _all_fresh(self) -> bool:
        """Return whether every running body began a moment ago, so that a look-ahead will not wait behind a slow one."""
        if self._options.pool != "threads":
            return False
        oldest = self._publication.oldest()
        return oldest is None or time.monotonic() - oldest < FRESH
