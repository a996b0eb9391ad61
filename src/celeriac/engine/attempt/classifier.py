"""What an attempt ended in. The one place that decides between success, retry and failure."""

from __future__ import annotations

from asyncio import CancelledError

from celeriac.engine import errors, retry
from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.attempt.failure import describe
from celeriac.engine.clock import Clock
from celeriac.engine.codec import encode_failure, encode_result
from celeriac.engine.job import State

CANCEL_MESSAGE = "cancelled by revoke(terminate=True)"
"""Marks a cancellation of ours; any other ``CancelledError`` that leaves a body is a failure of that body."""
OVERDUE_MESSAGE = "cancelled at its hard time limit"
"""Marks the other one."""


def is_cancel(error: BaseException) -> bool:
    """Return whether a coroutine was cancelled because its job was revoked."""
    return isinstance(error, CancelledError) and error.args == (CANCEL_MESSAGE,)


def is_overdue(error: BaseException) -> bool:
    """Return whether a body was ended because its job is past its hard time limit."""
    return isinstance(error, errors.TaskOverdue) or (isinstance(error, CancelledError) and error.args == (OVERDUE_MESSAGE,))


class Classifier:
    """Sets an attempt's ``state``, and with it ``result``, ``failure``, ``run_at``. It keeps nothing between attempts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def classify(self, attempt: Attempt) -> None:
        """Decide what the attempt ended in, from its ``value`` or its ``error``."""
        error = attempt.error
        if error is None and attempt.request is not None:
            error = attempt.error = attempt.request.again
        if error is None:
            self._succeed(attempt)
        elif isinstance(error, errors.TaskError):
            self._obey(attempt, error)
        elif is_overdue(error):
            self._fail_at_limit(attempt, error)
        elif isinstance(error, errors.TaskCancelled) or is_cancel(error):
            attempt.state = State.CANCELLED
            attempt.failure = describe(errors.TaskRevokedError("terminated"))
        else:
            self._retry_or_fail(attempt, error)
        if attempt.state is State.FAILED and attempt.error is not None:
            attempt.failure = describe(attempt.error)
            attempt.result = encode_failure(attempt.failure)

    def _succeed(self, attempt: Attempt) -> None:
        keep = not (attempt.task.ignore_result or attempt.embed.get("ignore_result"))
        if attempt.embed.get("ignore_result") is False:
            keep = True
        try:
            if keep:
                attempt.result = encode_result(attempt.value)
            attempt.state = State.SUCCEEDED
        except errors.ResultNotEncodable as error:
            attempt.error = error
            attempt.state = State.FAILED

    def _obey(self, attempt: Attempt, error: errors.TaskError) -> None:
        if isinstance(error, errors.Retry):
            self._retry(attempt, error)
        elif isinstance(error, errors.Ignore):
            self._ignore(attempt, error)
        elif isinstance(error, errors.Reject) and error.requeue:
            attempt.state = State.WAITING
        elif isinstance(error, errors.TaskRevokedError):
            attempt.state = State.CANCELLED
            attempt.failure = describe(error)
        else:
            attempt.state = State.FAILED

    def _ignore(self, attempt: Attempt, error: errors.Ignore) -> None:
        """End well without a result; a state that the task gave the job itself is its last."""
        attempt.state = State.SUCCEEDED
        attempt.failure = describe(error)
        request = attempt.request
        if request is not None and not (request.progress or {}).get("state"):
            request.progress = {**(request.progress or {}), "state": "IGNORED"}

    def _fail_at_limit(self, attempt: Attempt, error: BaseException) -> None:
        """As for a job whose process is killed at its limit: it fails, without a retry."""
        attempt.error = errors.TimeLimitExceeded(attempt.hard_limit)
        attempt.error.__cause__ = error  # its traceback says where the body was
        attempt.state = State.FAILED

    def _retry_or_fail(self, attempt: Attempt, error: BaseException) -> None:
        delay = retry.automatic_delay(attempt.task, error, attempt.job.attempts)
        if delay is retry.NEVER:
            attempt.state = State.FAILED
            return
        again = errors.Retry(exc=error, when=delay)
        again.__cause__ = error
        attempt.error = again
        self._retry(attempt, again)

    def _retry(self, attempt: Attempt, again: errors.Retry) -> None:
        attempt.state = State.SCHEDULED
        when = again.when
        now = self._clock.wall()
        if when is None:
            attempt.run_at = now
        else:
            attempt.run_at = now + when if isinstance(when, int | float) else when.timestamp()
        attempt.failure = describe(again.exc or again)
        attempt.payload, attempt.queue = again.payload, again.queue
