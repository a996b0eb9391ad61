"""``delay_on_commit``: a job that is enqueued when the current transaction has committed, and not when it rolls back.

With the broker in the same database ``delay()`` does that by itself; this serves every other broker, and code written for
Celery.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from celeriac import states
from celeriac.calling import build_job, publish
from celeriac.result import AsyncResult, EagerResult

if TYPE_CHECKING:
    from celeriac.engine.job import Job
    from celeriac.task import Task

R = TypeVar("R")


def enqueue_on_commit(
    task: Task[Any, R], args: Iterable[Any] | None, kwargs: Mapping[str, Any] | None, options: dict[str, Any], using: str | None
) -> AsyncResult[R]:
    """Build the job now, with every check, and push it after COMMIT; outside a transaction at once."""
    from django.db import transaction  # a database is in use where this is called

    app = task.app
    arguments, keywords = task._checked(args, kwargs)
    job = build_job(app, task.name, task, arguments, keywords, options)
    if app.settings.always_eager:
        eager: EagerResult[R] = EagerResult(job.id, None, states.PENDING, name=task.name, app=app)
        transaction.on_commit(lambda: _run(task, job, eager, task._ignores_result(options)), using=using)
        return eager
    if type(task).apply_async is not _apply_async():  # a class of the project's own may add to every call
        options["task_id"] = job.id
        transaction.on_commit(lambda: task.apply_async(arguments, keywords, **options), using=using)
    else:
        transaction.on_commit(lambda: publish(app, (job,)), using=using)
    return task._result(app, job.id, options)


def _apply_async() -> Any:
    from celeriac.task import Task  # which imports this module where it is needed

    return Task.apply_async


def _run(task: Task[Any, Any], job: Job, promised: EagerResult[Any], ignored: bool) -> None:
    from celeriac.eager import run_eagerly

    app = task.app
    vars(promised).update(vars(run_eagerly(app, job, app.settings.eager_propagates)))
    promised.ignored = ignored
