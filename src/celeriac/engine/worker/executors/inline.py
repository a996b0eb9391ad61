"""Sync tasks in the child's own main thread, one after the other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from celeriac.engine.attempt.runner import AttemptRunner
from celeriac.engine.errors import TaskCancelled
from celeriac.engine.faults import fault_point
from celeriac.engine.ipc.slots import SlotWriter
from celeriac.engine.job import Job, Token
from celeriac.engine.outcome import Outcome
from celeriac.engine.worker.fetcher import SLOW
from celeriac.engine.worker.limits import ThreadGuard


class InlineExecutor:
    """Runs jobs where it is called. ``cancel`` may be called by another thread, where there is a ``guard``.

    ``may_run`` is asked before each job, ``between`` called where a body may have broken what the next one would use.
    """

    def __init__(
        self,
        runner: AttemptRunner,
        done: Callable[[Outcome], None],
        may_run: Callable[[Job], bool],
        between: Callable[[], None],
        slot: SlotWriter,
        guard: ThreadGuard | None,
    ) -> None:
        self._runner = runner
        self._done = done
        self._may_run = may_run
        self._between = between
        self._slot = slot
        self._guard = guard
        self._running: Token | None = None

    def run(self, jobs: Sequence[Job]) -> tuple[int, list[Job]]:
        """Run jobs in order. Returns how many ran, and those not begun: behind a slow one none is, as others may be free."""
        waiting = deque(jobs)
        count = 0
        while waiting and not self._slot.draining:
            job = waiting.popleft()
            before = time.monotonic()
            if self._may_run(job):
                self._run(job)
                count += 1
            fault_point("after-body")
            if time.monotonic() - before > SLOW:
                break
        return count, list(waiting)

    def _run(self, job: Job) -> None:
        if self._guard is None:
            outcome = self._runner.run(job)
        else:
            self._running = job.token
            outcome = self._runner.run(job, self._guard.call)
            self._running = None
        self._done(outcome)
        if outcome.failure is not None:
            self._between()

    def cancel(self, token: Token) -> bool:
        """Raise ``TaskCancelled`` inside the body of a job. Returns False where it does not run here."""
        if self._guard is None or self._running != token:
            return False
        self._guard.throw(TaskCancelled)
        return True
