"""What the worker's log says of attempts: failures always, with their traceback; the rest at level INFO."""

from __future__ import annotations

import logging

from celeriac.engine.clock import Clock
from celeriac.engine.job import State
from celeriac.engine.worker.attempt import Attempt

logger = logging.getLogger("celeriac.task")

LONGEST = 200
"""Characters of a result that are shown."""


class AttemptLog:
    """An ``Observer``. It runs inside the attempt's context, so each line carries the task's name and id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def started(self, attempt: Attempt) -> None:
        """The body is about to be called."""
        if logger.isEnabledFor(logging.INFO):
            logger.info("received")

    def ended(self, attempt: Attempt) -> None:
        """Say what the attempt ended in."""
        if attempt.state is State.SUCCEEDED:
            if logger.isEnabledFor(logging.INFO):
                logger.info("succeeded in %.3fs: %s", self._seconds(attempt), _short(attempt.value))
        elif attempt.state is State.FAILED:
            self._failed(attempt)
        elif attempt.state is State.SCHEDULED:
            logger.info("retry: %s", attempt.error)
        elif attempt.state is State.PARKED:
            logger.error("%s[%s] is parked: %s", attempt.job.task, attempt.job.id, attempt.error)
        elif attempt.request is None:  # ended before its body was reached, so no line of it carries the task's name and id
            logger.info("%s[%s] %s before it began", attempt.job.task, attempt.job.id, attempt.state)
        else:
            logger.info("%s after %.3fs", attempt.state, self._seconds(attempt))

    def _failed(self, attempt: Attempt) -> None:
        error = attempt.error
        if isinstance(error, attempt.task.throws):
            logger.info("raised an expected error: %r", error)  # Celery: ``throws`` are no failures of the code
        else:
            logger.error("failed after %.3fs: %r", self._seconds(attempt), error, exc_info=error)

    def _seconds(self, attempt: Attempt) -> float:
        return self._clock.wall() - attempt.started


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
