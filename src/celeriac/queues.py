"""The queues of a project by name: which it declares, and what is said about one that a call names for the first time."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from celeriac.conf.backends import queues_of_backends
from celeriac.conf.reading import django_settings
from celeriac.engine.errors import CeleriacError, did_you_mean
from celeriac.engine.request import running_request
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.engine.brokers.base import WorkerInfo
    from celeriac.engine.job import Job

logger = logging.getLogger("celeriac.queues")


def declared_queues(app: Celery) -> list[str]:
    """Return every queue the project names: the default, ``task_queues``, of tasks, routes, the schedule and ``TASKS``."""
    settings = app.settings
    of_tasks = [queue for task in app.registry.values() if (queue := getattr(task, "queue", None))]
    options = [entry.get("options") or {} for entry in settings.beat_schedule.values() if isinstance(entry, Mapping)]
    scheduled = [queue for option in options if (queue := option.get("queue"))]
    named = [settings.default_queue, *settings.queues, *of_tasks, *app.router.queues, *scheduled, *queues_of_backends()]
    return list(dict.fromkeys(getattr(queue, "name", queue) for queue in named))


def meet(app: Celery, job: Job) -> None:
    """Say once a process what is odd about the queue of a job that was just enqueued. Never raises.

    Of a near name: a missing queue is made, as in Celery, so the job is kept and a warning must do. And, with DEBUG,
    of a queue without a worker.
    """
    app.met_queues.add(job.queue)
    declared = declared_queues(app)
    if job.queue not in declared and not app.conf.is_given("create_missing_queues"):
        _ask_whether_meant(job, declared)
    if getattr(django_settings(), "DEBUG", False) and running_request() is None:  # a job's own jobs have a worker beside them
        _after_commit(app.broker(), lambda: _look_for_worker(app, job, declared))


def _ask_whether_meant(job: Job, declared: Collection[str]) -> None:
    hint = did_you_mean(job.queue, declared)
    if hint:
        logger.warning(
            "%s was enqueued to %r, a queue that nothing in this project names.%s Where the name is meant, say so:"
            " CELERY_TASK_CREATE_MISSING_QUEUES = True. With False such a call is an error.",
            job.task, job.queue, hint,
        )  # fmt: skip


def _after_commit(broker: Any, action: Callable[[], None]) -> None:
    """Call ``action`` outside the caller's transaction, so that it can neither break it nor wait in it."""
    if not broker.capabilities.transactional:
        action()
        return
    from django.db import transaction  # a database is in use where the broker is in one

    if transaction.get_connection(broker.alias).in_atomic_block:
        transaction.on_commit(action, using=broker.alias, robust=True)
    else:
        action()


def _look_for_worker(app: Celery, job: Job, declared: Collection[str]) -> None:
    try:
        workers: Sequence[WorkerInfo] = app.broker().workers()
    except CeleriacError as error:
        logger.debug("Whether a worker serves the queue %r is not known: %s", job.queue, error)
        return
    if not any(job.queue in worker.queues for worker in workers):
        logger.warning(
            "%s",
            _("No running worker serves the queue {queue!r}, so {task} waits. Start one: {command}").format(
                queue=job.queue, task=job.task, command=_command(job.queue, serves_all=not workers and job.queue in declared)
            ),
        )


def _command(queue: str, serves_all: bool) -> str:
    """Return the command that starts a worker for a queue. Without -Q it serves all that the project declares."""
    start = "python manage.py celeriac worker"
    return start if serves_all else f"{start} -Q {shlex.quote(queue)}"
