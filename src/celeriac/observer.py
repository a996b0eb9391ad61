"""Tells the receivers of ``celeriac.signals`` about the attempts of jobs, with Celery's arguments."""

from __future__ import annotations

from celeriac import signals
from celeriac.current import current_app
from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.attempt.failure import ExceptionInfo
from celeriac.engine.clock import Clock
from celeriac.engine.job import State
from celeriac.engine.request import Request


class SignalObserver:
    """An ``Observer`` of the engine. An attempt that nobody listens to costs a look at six empty tuples."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def started(self, attempt: Attempt) -> None:
        """The body is about to be called."""
        if signals.task_received.receivers and not runs_eagerly(attempt):
            signals.task_received.send(sender=None, request=attempt.request)
        if signals.task_prerun.receivers:
            signals.task_prerun.send(
                sender=attempt.task, task_id=attempt.job.id, task=attempt.task, args=attempt.args, kwargs=attempt.kwargs
            )

    def ended(self, attempt: Attempt) -> None:
        """It is decided what the attempt ended in."""
        if attempt.state is State.SUCCEEDED:
            if signals.task_success.receivers and attempt.error is None:
                runtime = self._clock.wall() - attempt.started
                signals.task_success.send(sender=attempt.task, result=attempt.value, runtime=runtime)
        else:
            _tell_trouble(attempt)
        if signals.task_postrun.receivers and attempt.request is not None:
            signals.task_postrun.send(
                sender=attempt.task, task_id=attempt.job.id, task=attempt.task, args=attempt.args, kwargs=attempt.kwargs,
                retval=attempt.value if attempt.error is None else attempt.error, state=attempt.celery_state,
            )  # fmt: skip

    def broke(self, attempt: Attempt) -> None:
        """The engine could not say what the attempt ended in, so it fails."""
        if signals.task_internal_error.receivers and attempt.error is not None:
            einfo = ExceptionInfo(attempt.error)
            signals.task_internal_error.send(
                sender=attempt.task, task_id=attempt.job.id, args=attempt.args, kwargs=attempt.kwargs,
                request=attempt.request, exception=attempt.error, traceback=einfo.tb, einfo=einfo,
            )  # fmt: skip


def runs_eagerly(attempt: Attempt) -> bool:
    """Return whether the attempt runs in its caller's process, so that nobody received it."""
    return attempt.request is not None and attempt.request.is_eager


def _tell_trouble(attempt: Attempt) -> None:
    state = attempt.state
    if state is State.FAILED:
        _tell_failure(attempt)
    elif state is State.SCHEDULED:
        _tell_retry(attempt)
    elif state in (State.CANCELLED, State.EXPIRED) and signals.task_revoked.receivers:
        signals.task_revoked.send(
            sender=attempt.task or current_app().tasks.get(attempt.job.task),
            request=attempt.request or Request(attempt.job), signum=None,
            terminated=state is State.CANCELLED, expired=state is State.EXPIRED,
        )  # fmt: skip
    elif state is State.PARKED and attempt.task is None:
        if signals.task_unknown.receivers:
            about = {"name": attempt.job.task, "id": attempt.job.id}
            signals.task_unknown.send(sender=None, message=attempt.job, exc=attempt.error, **about)
    elif state in (State.PARKED, State.WAITING) and signals.task_rejected.receivers:
        signals.task_rejected.send(sender=attempt.task, message=attempt.job, exc=attempt.error)


def _tell_failure(attempt: Attempt) -> None:
    if not signals.task_failure.receivers or attempt.error is None:
        return
    einfo = ExceptionInfo(attempt.error)
    signals.task_failure.send(
        sender=attempt.task, task_id=attempt.job.id, exception=attempt.error, args=attempt.args, kwargs=attempt.kwargs,
        traceback=einfo.tb, einfo=einfo,
    )  # fmt: skip


def _tell_retry(attempt: Attempt) -> None:
    if signals.task_retry.receivers and attempt.error is not None:
        einfo = ExceptionInfo(attempt.error)
        signals.task_retry.send(sender=attempt.task, request=attempt.request, reason=attempt.error, einfo=einfo)
