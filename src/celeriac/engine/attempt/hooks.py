"""The hooks that a task's class may define: ``on_success``, ``on_retry``, ``on_failure``, ``after_return``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celeriac.engine import errors
from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.attempt.failure import ExceptionInfo
from celeriac.engine.job import State, celery_name

logger = logging.getLogger("celeriac.attempt")


def call_hooks(attempt: Attempt) -> None:
    """Call the hooks that the task's class defines. One that raises is logged and changes nothing."""
    overrides = attempt.task.overrides
    if not overrides:
        return
    job, task, error = attempt.job, attempt.task, attempt.error
    einfo = ExceptionInfo(error) if error is not None else None
    rest = (job.id, attempt.args, attempt.kwargs)
    if attempt.state is State.SUCCEEDED and error is None and "on_success" in overrides:
        _call(task.on_success, attempt.value, *rest)
    elif attempt.state is State.SCHEDULED and "on_retry" in overrides:
        _call(task.on_retry, error, *rest, einfo)
    elif attempt.state is State.FAILED and "on_failure" in overrides:
        _call(task.on_failure, error, *rest, einfo)
    if "after_return" in overrides and not isinstance(error, errors.Ignore | errors.Reject):
        value = error if error is not None else attempt.value
        _call(task.after_return, attempt.celery_state, value, *rest, einfo)


def call_failure_hooks(task: Any, error: BaseException, rest: tuple[Any, ...]) -> None:
    """Call the hooks of a job that failed with its process. ``rest``: id, args, kwargs, einfo."""
    if "on_failure" in task.overrides:
        _call(task.on_failure, error, *rest)
    if "after_return" in task.overrides:
        _call(task.after_return, celery_name(State.FAILED, 1), error, *rest)


def _call(hook: Callable[..., None], *args: Any) -> None:
    try:
        hook(*args)
    except Exception:
        logger.exception("The hook %s of a task raised; the job's outcome is not changed by it.", hook.__qualname__)
