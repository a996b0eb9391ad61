"""The jobs that a child has claimed and not settled: which run beside the main thread, and which go back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any

from celeriac.engine.faults import fault_point
from celeriac.engine.job import Job, Token
from celeriac.engine.outcome import Outcome
from celeriac.engine.worker.completer import Completer
from celeriac.engine.worker.fetcher import Fetcher

COMPARE_EVERY = 5.0
"""Seconds between two comparisons with what the broker says."""


class Holdings:
    """The main thread submits and gives back, and owns ``_broker``; pools say what ended, under ``_lock``."""

    def __init__(self, broker: Any, child: str, completer: Completer, fetcher: Fetcher) -> None:
        self._broker = broker
        self._child = child
        self._completer = completer
        self._fetcher = fetcher
        self._lock = threading.Lock()
        self._compared = time.monotonic()
        self.in_flight: set[Token] = set()
        self._looping: set[Token] = set()
        self.returned: list[Job] = []
        self.ran = 0

    @property
    def looping(self) -> int:
        """How many of the jobs in flight are on the loop."""
        return len(self._looping)

    def submitted(self, job: Job, to_loop: bool) -> None:
        """A job goes to a pool thread or to the loop."""
        with self._lock:
            self.in_flight.add(job.token)
            if to_loop:
                self._looping.add(job.token)

    def ended(self, outcome: Outcome, seconds: float) -> None:
        """One of those has ended, and took ``seconds`` of the pool. Called by the thread that ran it, after the completer."""
        with self._lock:
            self.ran += 1
            self._fetcher.ran(1, seconds)
            self.in_flight.discard(outcome.token)
            self._looping.discard(outcome.token)

    def late(self, job: Job) -> None:
        """One of those was not begun, because it had waited too long. Called by the thread that did not begin it."""
        with self._lock:
            self.returned.append(job)
            self._fetcher.late()

    def ran_inline(self, jobs: int, seconds: float) -> None:
        """The main thread has run so many."""
        with self._lock:
            self.ran += jobs
            self._fetcher.ran(jobs, seconds)

    def give_back(self, jobs: Iterable[Job] = ()) -> None:
        """Give back ``jobs`` and what others returned: claimed and not begun, behind a slow job or because the child leaves."""
        with self._lock:
            leaving, self.returned = [*jobs, *self.returned], []
            self.in_flight.difference_update(job.token for job in leaving)
            self._looping.difference_update(job.token for job in leaving)
        if leaving:
            fault_point("before-give-back")
            self._broker.release([job.token for job in leaving])

    def compare(self) -> None:
        """Every 5 s: what the broker says we hold and we do not know of goes back (a claim whose answer was lost)."""
        now = time.monotonic()
        if now - self._compared < COMPARE_EVERY:
            return
        self._compared = now
        with self._lock:
            known = set(self.in_flight)  # first: what ends from here on is in it, what ended before is settled or seen waiting
        with self._completer.quiet() as settled:
            # While an outcome is on its way, the broker still believes in a claim that is over.
            unknown = self._broker.held(self._child) - known if settled else set()
            if unknown:
                self._broker.release(unknown)
