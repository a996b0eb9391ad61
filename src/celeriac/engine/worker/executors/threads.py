"""Sync tasks in N threads of one child."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from celeriac.engine.attempt.runner import AttemptRunner
from celeriac.engine.errors import TaskCancelled
from celeriac.engine.job import Job, Token
from celeriac.engine.outcome import Outcome
from celeriac.engine.worker.limits import ThreadGuard


class ThreadExecutor:
    """Runs jobs in a fixed number of threads.

    The child's main thread submits, recalls and cancels. ``_guards`` has an entry for each body that runs, put in and taken
    out by its own thread.
    """

    def __init__(
        self,
        runner: AttemptRunner,
        threads: int,
        done: Callable[[Outcome], None],
        enter: Callable[[Job, float], bool],
        between: Callable[[], None],
    ) -> None:
        self._runner = runner
        self._done = done
        self._enter = enter
        self._between = between
        self._jobs: SimpleQueue[tuple[Job, float] | None] = SimpleQueue()
        self._guards: dict[Token, ThreadGuard] = {}
        self.threads = [threading.Thread(target=self._work, name=f"celeriac-{n}", daemon=True) for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def submit(self, job: Job, by: float) -> None:
        """Queue a job for the next free thread. What no thread has begun ``by`` then (monotonic) is returned instead of run."""
        self._jobs.put((job, by))

    def recall(self) -> list[Job]:
        """Return the jobs that no thread has taken yet, and forget them."""
        jobs = []
        while not self._jobs.empty():
            item = self._jobs.get()
            if item is not None:
                jobs.append(item[0])
        return jobs

    def cancel(self, token: Token, kind: type[BaseException] = TaskCancelled) -> bool:
        """Raise ``kind`` inside the body of a job. Returns False where it does not run."""
        guard = self._guards.get(token)
        return guard.throw(kind) if guard is not None else False

    def stop(self) -> None:
        """Let the threads end after what they have."""
        for _ in self.threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, by = item
            self._between()  # each thread has database connections of its own
            if not self._enter(job, by):
                continue
            token = job.token
            self._guards[token] = guard = ThreadGuard()
            try:
                outcome = self._runner.run(job, guard.call)
            finally:
                del self._guards[token]
            self._done(outcome)
