"""Who works, and what nobody works on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from celeriac.doctor.finding import Findings, error, some, warning
from celeriac.engine.job import State
from celeriac.engine.translation import gettext as _
from celeriac.overview import served_queues

if TYPE_CHECKING:
    from celeriac.app import Celery

MANY = 1000


def workers(app: Celery) -> Findings:
    """Somebody works, and all run the same version."""
    found = app.broker().workers()
    if not any(worker.queues for worker in found):
        yield error("workers", _("No worker is running, so no job is."), "celeriac worker")
    versions = {worker.version for worker in found if worker.version}
    if len(versions) > 1:
        text = _("Workers run different versions of Celeriac: {versions}.").format(versions=some(sorted(versions)))
        yield warning("workers", text, _("Start the older ones anew, once the newer ones are up."))


def queues(app: Celery) -> Findings:
    """Jobs wait in no queue that is paused, or that nobody serves."""
    broker = app.broker()
    served = served_queues(app.broker().workers())
    for queue in broker.snapshot().queues:
        jobs = queue.waiting + queue.scheduled
        if queue.paused and jobs:
            text = _("The queue {queue!r} is paused. Jobs that wait in it: {n}.").format(queue=queue.name, n=jobs)
            yield warning("queues", text, f"celeriac queues resume {queue.name}")
        elif jobs and served and queue.name not in served:
            text = _("No worker serves the queue {queue!r}. Jobs that wait in it: {n}.").format(queue=queue.name, n=jobs)
            yield error("queues", text, f"celeriac worker -Q {queue.name}")


def tasks(app: Celery) -> Findings:
    """Each task's queue has a worker, also where no job waits yet."""
    served = served_queues(app.broker().workers())
    unheard: dict[str, list[str]] = {}
    for name, task in app.tasks.items():
        if name.startswith("celery."):
            continue
        plan = app.plan(name, task)
        if not plan.dynamic and served and plan.queue not in served:
            unheard.setdefault(str(plan.queue), []).append(name)
    for queue, names in unheard.items():
        text = _("Nobody listens to the queue {queue!r}, to which these tasks go: {tasks}.")
        yield warning("tasks", text.format(queue=queue, tasks=some(names)), f"celeriac worker -Q {queue}")


def parked(app: Celery) -> Findings:
    """Jobs that could not be run wait for somebody to look."""
    broker: Any = app.broker()
    for task, jobs in Counter(job.task for job in broker.find({"state": State.PARKED}, MANY)).items():
        example = broker.find({"state": State.PARKED, "task": task}, 1)
        attempts = broker.attempts(example[0].id) if example else []
        reason = (
            attempts[-1].failure.message if attempts and attempts[-1].failure is not None else _("The reason was not kept.")
        )
        text = _("Jobs of {task} are parked: {n}. The latest: {reason}").format(n=jobs, task=task, reason=reason)
        fix = _("Mend the cause, then: {command}").format(command=f"celeriac jobs retry --state parked --task {task}")
        yield warning("parked", text, fix)
