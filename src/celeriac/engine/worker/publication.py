"""What a child runs, said in shared memory: to the master, who sees to limits, and the keeper, who gives back and charges."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.faults import fault_point
from celeriac.engine.ipc.slots import SlotWriter
from celeriac.engine.job import Job, Token


class Publication:
    """The child's slot and who has which entry of it. Each method is called by the thread that runs the body.

    Entry 0 is the main thread's; pool threads and the loop take one for each job. ``_lock`` guards the slot and both tables.
    ``late`` is told of a job that could not begin in time.
    """

    def __init__(self, slot: SlotWriter, late: Callable[[Job], None]) -> None:
        self._slot = slot
        self._late = late
        self._lock = threading.Lock()
        self._entries: dict[Token, int] = {}
        self._began: dict[Token, float] = {}
        self._looping: set[Token] = set()

    def enter(self, job: Job, by: float) -> bool:
        """Say that a pool thread begins a job. Returns False where it is too late (monotonic): the job goes back."""
        return self._enter(job, by, loop=False)

    def enter_loop(self, job: Job, by: float) -> bool:
        """The same for the loop."""
        return self._enter(job, by, loop=True)

    def _enter(self, job: Job, by: float, loop: bool) -> bool:
        # First said, then the clock: a keeper that did not see it here, and gave the job away, did so after ``by``.
        with self._lock:
            entry = self._entries[job.token] = self._slot.take()
            now = time.monotonic()
            if loop:
                self._looping.add(job.token)
            else:
                self._began[job.token] = now
            self._slot.set(entry, job.number, job.delivery, now, 0.0, loop)
        if time.monotonic() <= by:
            return True
        with self._lock:
            self._clear(job.token)
        self._late(job)
        return False

    def publish(self, attempt: Attempt) -> None:
        """Say that a body is about to run, and until when it may."""
        job = attempt.job
        now = time.monotonic()
        deadline = now + attempt.hard_limit if attempt.hard_limit else 0.0
        with self._lock:
            entry, loop = self._entries.get(job.token, 0), job.token in self._looping
            self._slot.set(entry, job.number, job.delivery, now, deadline, loop)
        fault_point("before-body")

    def withdraw(self, attempt: Attempt) -> None:
        """Say that a body has ended."""
        token = attempt.job.token
        with self._lock:
            self._slot.end(token.number, token.delivery)
            if token in self._entries:
                self._clear(token)
            else:
                self._slot.clear(0)

    def leave(self, token: Token) -> None:
        """Clear the entry of a job that ended before its body: expired, unreadable."""
        if token in self._entries:  # nobody but this thread touches this job's entry
            with self._lock:
                self._clear(token)

    def oldest(self) -> float | None:
        """Return when the body began that runs the longest in a pool thread (monotonic); None where none runs."""
        with self._lock:
            return min(self._began.values(), default=None)

    def _clear(self, token: Token) -> None:
        self._slot.give(self._entries.pop(token))
        self._began.pop(token, None)
        self._looping.discard(token)
