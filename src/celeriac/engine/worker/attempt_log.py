"""What the worker's log says of attempts: failures always, with their traceback; the rest at level INFO.

In Celery's words and by its loggers, so that what people search for, and the ``LOGGING`` they have, goes on working.
"""

from __future__ import annotations

import logging
from typing import Any

from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.clock import Clock
from celeriac.engine.errors import Reject
from celeriac.engine.job import State
from celeriac.engine.worker.logs import ATTEMPTS, RECEIPTS
from celeriac.engine.worker.stdouts import finish_lines

receipts = logging.getLogger(RECEIPTS)
logger = logging.getLogger(ATTEMPTS)

LONGEST = 200
"""Characters of a result that are shown."""


class AttemptLog:
    """An ``Observer``. Which levels are shown is looked up once, when it is made: with a child."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tells_receipts = receipts.isEnabledFor(logging.INFO)
        self._tells = logger.isEnabledFor(logging.INFO)

    def started(self, attempt: Attempt) -> None:
        """The body is about to be called."""
        if self._tells_receipts:
            receipts.info("Task %s[%s] received", attempt.job.task, attempt.job.id)

    def ended(self, attempt: Attempt) -> None:
        """Say what the attempt ended in, after the last of what it printed."""
        if attempt.request is not None and attempt.request.unfinished:
            finish_lines(attempt.request)
        if attempt.state is State.SUCCEEDED:
            if self._tells:
                self._succeeded(attempt)
        elif attempt.state is State.FAILED:
            _failed(attempt)
        elif attempt.state is State.PARKED:
            _say(logging.ERROR, attempt, "is parked: %s", attempt.error)
        elif self._tells:
            self._otherwise(attempt)

    def broke(self, attempt: Attempt) -> None:
        """What follows says it: the job failed, with this error and where it comes from."""

    def _succeeded(self, attempt: Attempt) -> None:
        if attempt.error is not None:
            _say(logging.INFO, attempt, "ignored")  # the body raised Ignore
        else:
            _say(logging.INFO, attempt, "succeeded in %s: %s", self._took(attempt), shown(attempt.value))

    def _otherwise(self, attempt: Attempt) -> None:
        if attempt.state is State.SCHEDULED:
            _say(logging.INFO, attempt, "retry: %s", attempt.error)
        elif attempt.state is State.WAITING:
            _say(logging.INFO, attempt, "rejected, and waits again")
        elif attempt.request is None:
            _say(logging.INFO, attempt, "%s before it began", attempt.state)
        else:
            _say(logging.INFO, attempt, "revoked: %s after %s", attempt.state, self._took(attempt))

    def _took(self, attempt: Attempt) -> str:
        seconds = self._clock.wall() - attempt.started
        return f"{seconds:.2f}s" if seconds >= 0.1 else f"{seconds:.4f}s"


def _failed(attempt: Attempt) -> None:
    error = attempt.error
    if isinstance(error, Reject):
        _say(logging.WARNING, attempt, "rejected: %s", shown(error.reason))
    elif isinstance(error, attempt.task.throws):
        _say(logging.INFO, attempt, "raised expected: %s", shown(error))  # ``throws`` are no failures of the code
    else:
        _say(logging.ERROR, attempt, "raised unexpected: %s", shown(error), exc_info=error)


def _say(level: int, attempt: Attempt, text: str, *args: Any, exc_info: BaseException | None = None) -> None:
    line = f"Task %s[%s] {text}"
    logger.log(level, line, attempt.job.task, attempt.job.id, *args, exc_info=exc_info)


def shown(value: object) -> str:
    """Return a value as one line of the log shows it. Never raises."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - the log of a task must not change what became of it
        text = f"<{type(value).__name__} whose repr() raised {type(error).__name__}>"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
