"""``task.bulk(items)``: many jobs in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from celeriac.calling import build_jobs, publish
from celeriac.canvas import Signature
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.result import AsyncResult
    from celeriac.task import Task

R = TypeVar("R")


def enqueue_bulk(task: Task[Any, R], items: Iterable[Any], options: dict[str, Any]) -> list[AsyncResult[R]]:
    """Enqueue one job an item, with the same options; return the results in order.

    Every item is checked before any is enqueued. Raises ``TypeError`` naming the item that is none.
    """
    if options.get("task_id") is not None:
        raise TypeError(
            _("bulk() makes several jobs, so it takes no task_id. A signature may carry one: task.s(1).set(task_id=...).")
        )
    calls = [_call(task, index, item, options) for index, item in enumerate(items)]
    app = task.app
    if app.settings.always_eager:
        return [task._apply_instead(args, kwargs, dict(merged)) for args, kwargs, merged in calls]
    jobs = build_jobs(app, task, calls)
    if jobs:
        publish(app, jobs)
    return [task._result(app, job.id, merged) for job, (*__, merged) in zip(jobs, calls, strict=True)]


def _call(task: Task[Any, Any], index: int, item: Any, options: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    try:
        if type(item) is tuple:  # first, since most are, and to ask whether it is a mapping takes longer than the rest
            return (*task._checked(item, {}), options)
        if isinstance(item, Signature):
            return _call_of(task, item, options)
        if isinstance(item, Mapping):
            return (*task._checked((), item), options)
        if isinstance(item, list | tuple):
            return (*task._checked(tuple(item), {}), options)
    except TypeError as error:
        raise TypeError(_("bulk: item {index}: {error}").format(index=index, error=error)) from None
    raise TypeError(
        _(
            "bulk: item {index} is {item!r}; expected a tuple of positional arguments such as ({item!r},), a dict"
            " of keyword arguments, or a signature."
        ).format(index=index, item=item)
    )


def _call_of(task: Task[Any, Any], item: Signature, options: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    if item.task != task.name:
        raise TypeError(_("a signature of {task}, not of {name}").format(task=item.task, name=task.name))
    return (*task._checked(tuple(item.args), item.kwargs), {**options, **item.options})
