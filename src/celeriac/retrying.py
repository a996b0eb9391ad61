"""``self.retry()``: a running task asks to be run again (celery.app.task.Task.retry)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from celeriac import options as opts
from celeriac.calling import embedded
from celeriac.engine.codec import encode_payload
from celeriac.engine.errors import MaxRetriesExceededError, Retry
from celeriac.engine.request import Request
from celeriac.engine.retry import retries_left

if TYPE_CHECKING:
    from celeriac.task import Task

_CHANGED = frozenset({"queue", "routing_key", "time_limit", "soft_time_limit", "ignore_result", "link", "link_error"})
_KEPT = frozenset(
    {"priority", "headers", "expires", "root_id", "parent_id", "group_id", "group_index", "task_id", "add_to_parent"}
)
"""Options that Celery's retry takes; here they stay what they were when the job was enqueued."""


def ask_for_retry(
    task: Task[Any, Any],
    args: Iterable[Any] | None,
    kwargs: Mapping[str, Any] | None,
    exc: BaseException | None,
    throw: bool,
    eta: Any,
    countdown: Any,
    max_retries: int | None,
    options: dict[str, Any],
) -> Retry:
    """Raise ``Retry``, or without ``throw`` return it and let it take effect when the body has returned.

    Called directly, outside a job, it raises ``exc`` or the exception that is being handled.
    """
    request = task.request
    if request.called_directly:
        _raise(exc or sys.exc_info()[1] or Retry("The task was called directly, so it cannot be retried.", None))
    if not retries_left(task.max_retries if max_retries is None else max_retries, request.retries):
        _give_up(task, request, exc)
    again = Retry(exc=exc, when=_when(task, eta, countdown), is_eager=request.is_eager)
    again.queue = _queue(options)
    again.payload = _payload(task, request, args, kwargs, options)
    if throw:
        raise again
    request.again = again
    return again


def _raise(error: BaseException) -> NoReturn:
    raise error


def _give_up(task: Task[Any, Any], request: Request, exc: BaseException | None) -> NoReturn:
    if exc is not None:
        raise exc
    told = f"Can't retry {task.name}[{request.id}] args:{tuple(request.args)} kwargs:{request.kwargs}"
    raise MaxRetriesExceededError(told, task_args=request.args, task_kwargs=request.kwargs)


def _when(task: Task[Any, Any], eta: Any, countdown: Any) -> datetime | float:
    if not eta and countdown is None:
        return float(task.default_retry_delay)
    app = task.app
    if countdown is not None:
        now = app.clock.wall()
        return max(0.0, opts.moment("countdown", countdown, now, app.settings) - now)
    return datetime.fromtimestamp(opts.moment("eta", eta, app.clock.wall(), app.settings), UTC)


def _queue(options: Mapping[str, Any]) -> str | None:
    chosen = options.get("queue") or options.get("routing_key")
    return None if chosen is None else opts.text("queue", getattr(chosen, "name", chosen))


def _payload(
    task: Task[Any, Any],
    request: Request,
    args: Iterable[Any] | None,
    kwargs: Mapping[str, Any] | None,
    options: dict[str, Any],
) -> bytes | None:
    """Return the arguments and options of the next attempt, or None where they stay the same."""
    opts.refuse_unknown({name: value for name, value in options.items() if name not in _KEPT})
    changed = {name: value for name, value in options.items() if name in _CHANGED and value is not None}
    if args is None and kwargs is None and not changed.keys() - {"queue", "routing_key"}:
        return None
    return encode_payload(
        task.name,
        request.args if args is None else tuple(args),
        request.kwargs if kwargs is None else kwargs,
        embedded(task, changed, request.embed),
        task.app.settings.max_payload_bytes,
    )
