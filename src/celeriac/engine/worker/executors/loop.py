"""``async def`` tasks: hundreds at a time on one event loop, in a thread of the child."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from celeriac.engine.attempt.classifier import CANCEL_MESSAGE, OVERDUE_MESSAGE
from celeriac.engine.attempt.runner import AttemptRunner
from celeriac.engine.job import Job, Token
from celeriac.engine.outcome import Outcome


class LoopExecutor:
    """Runs coroutines on a loop of its own, started with the first job. ``_tasks`` belongs to the loop's thread."""

    def __init__(self, runner: AttemptRunner, done: Callable[[Outcome], None], enter: Callable[[Job, float], bool]) -> None:
        self._runner = runner
        self._done = done
        self._enter = enter
        self._tasks: dict[Token, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, job: Job, by: float) -> None:
        """Start a job on the loop. What has not begun ``by`` then (monotonic) is returned instead of run."""
        self._running_loop().call_soon_threadsafe(self._start, job, by)

    def cancel(self, token: Token, overdue: bool = False) -> bool:
        """Cancel a running job: revoked, or past its hard limit. Whether it was running is seen when its outcome arrives."""
        if self._loop is None:
            return False
        self._loop.call_soon_threadsafe(self._cancel, token, OVERDUE_MESSAGE if overdue else CANCEL_MESSAGE)
        return True

    def stop(self) -> None:
        """Stop the loop. Call it when nothing runs any more."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._serve, args=(self._loop,), name="celeriac-loop", daemon=True).start()
        return self._loop

    @staticmethod
    def _serve(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.close()

    def _start(self, job: Job, by: float) -> None:
        assert self._loop is not None
        if self._enter(job, by):
            self._tasks[job.token] = self._loop.create_task(self._run(job))

    async def _run(self, job: Job) -> None:
        try:
            outcome = await self._runner.run_async(job)
        finally:
            del self._tasks[job.token]
        self._done(outcome)

    def _cancel(self, token: Token, message: str) -> None:
        task = self._tasks.get(token)
        if task is not None:
            task.cancel(message)
