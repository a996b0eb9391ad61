"""``app.control.inspect()``: what Celery asks its workers, answered from the broker (celery.app.control.Inspect).

No worker is asked, so there is nothing to wait for; each living one has an answer.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from celeriac.conf.brokers import without_password
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.encryption import is_encrypted
from celeriac.engine.errors import UnreadablePayload
from celeriac.engine.job import Job, State
from celeriac.engine.request import iso
from celeriac.engine.translation import gettext as _
from celeriac.exceptions import NotInThisVersion

if TYPE_CHECKING:
    from celeriac.app import Celery

Replies = dict[str, Any] | None
MANY = 1000
"""Jobs in an answer."""
SHOWN = ("broker_url", "result_backend", "task_default_queue", "timezone", "task_always_eager", "result_expires")
"""Settings in the answer of ``conf``."""


class Inspect:
    """Questions about the living workers of an app. Each returns answers by the names of the workers; None without any."""

    def __init__(self, app: Celery, destination: Iterable[str] | None = None) -> None:
        self._app = app
        self._names = None if destination is None else set(destination)

    def _workers(self) -> list[WorkerInfo]:
        workers: list[WorkerInfo] = self._app.broker().workers()
        return [worker for worker in workers if self._names is None or worker.name in self._names]

    def _each(self, answer: Callable[[WorkerInfo], Any]) -> Replies:
        return {worker.name: answer(worker) for worker in self._workers()} or None

    # -- jobs --------------------------------------------------------------------------------------------------------------

    def active(self, safe: bool | None = None) -> Replies:
        """The jobs that each worker runs."""
        running = self._find(State.RUNNING)
        return self._each(lambda worker: [self._job(job, worker) for job in running if job.worker == worker.id])

    def reserved(self, safe: bool | None = None) -> Replies:
        """What each worker has taken ahead of time: nothing for longer than 0.1 s, so nothing that could be shown."""
        return self._each(lambda worker: [])

    def scheduled(self, safe: bool | None = None) -> Replies:
        """The jobs that are not due yet, with each worker that serves their queues."""
        waiting = self._find(State.SCHEDULED)
        return self._each(
            lambda worker: [
                {"eta": iso(job.run_at), "priority": job.priority, "request": self._job(job, None)}
                for job in waiting
                if job.queue in worker.queues
            ]
        )

    def revoked(self) -> Replies:
        """The ids of the jobs cancelled last; with every worker, since all know of each."""
        ids = [job.id for job in self._find(State.CANCELLED)]
        return self._each(lambda worker: ids)

    def query_task(self, *ids: str) -> Replies:
        """Where these jobs are: with the worker that runs one, else with every one."""
        found = [job for id in ids if (job := self._app.broker().get(id)) is not None]
        return self._each(
            lambda worker: {
                job.id: [_place(job), self._job(job, worker if job.state is State.RUNNING else None)]
                for job in found
                if job.state is not State.RUNNING or job.worker == worker.id
            }
        )

    def _find(self, state: State) -> list[Job]:
        found: list[Job] = self._app.broker().find({"state": state}, MANY)
        return found

    def _job(self, job: Job, worker: WorkerInfo | None) -> dict[str, Any]:
        args, kwargs = self._arguments(job)
        place = {"exchange": "", "routing_key": job.queue, "priority": job.priority, "redelivered": job.charges > 0}
        return {
            "id": job.id, "name": job.task, "args": args, "kwargs": kwargs, "type": job.task,
            "hostname": worker.name if worker else None, "time_start": job.started, "acknowledged": False,
            "delivery_info": place, "worker_pid": worker.pid if worker else None,
        }  # fmt: skip

    def _arguments(self, job: Job) -> tuple[Any, Any]:
        from celeriac.engine.codec import decode_payload  # as light as the rest, but for who asks about jobs only

        if is_encrypted(job.payload):
            return "(encrypted)", "(encrypted)"
        try:
            return decode_payload(job.payload)[:2]
        except UnreadablePayload:
            return "(unreadable)", "(unreadable)"

    # -- workers -----------------------------------------------------------------------------------------------------------

    def ping(self, destination: Iterable[str] | None = None) -> Replies:
        """Who is alive: whose lease, which a worker renews each 5 seconds, has not run out."""
        if destination is not None:
            return Inspect(self._app, destination).ping()
        return self._each(lambda worker: {"ok": "pong"})

    def stats(self) -> Replies:
        """What each worker is, and how much it runs."""
        running = self._find(State.RUNNING)
        url, now = without_password(self._app.settings.broker_url), self._app.clock.wall()

        def answer(worker: WorkerInfo) -> dict[str, Any]:
            pool = {"implementation": worker.pool, "max-concurrency": worker.concurrency}
            uptime = round(max(0.0, now - (worker.started or now)))
            return {
                "pid": worker.pid, "hostname": worker.host, "uptime": uptime, "pool": pool, "prefetch_count": 0,
                "broker": {"uri": url}, "version": worker.version,
                "running": sum(job.worker == worker.id for job in running),
            }  # fmt: skip

        return self._each(answer)

    def active_queues(self) -> Replies:
        """The queues that each worker serves."""
        return self._each(
            lambda worker: [{"name": queue, "routing_key": queue, "durable": True, "exchange": {}} for queue in worker.queues]
        )

    def registered(self, *taskinfoitems: str) -> Replies:
        """The tasks of the project as this process has loaded it: a worker that runs other code is not asked."""
        names = sorted(name for name in self._app.tasks if not name.startswith("celery."))
        shown = [_with(self._app.tasks[name], taskinfoitems) for name in names]
        return self._each(lambda worker: shown)

    registered_tasks = registered

    def conf(self, with_defaults: bool = False) -> Replies:
        """The settings that matter, as this process reads them; passwords are left out."""
        shown = {name: _shown(self._app.conf.get(name)) for name in SHOWN}
        return self._each(lambda worker: shown)

    def report(self) -> Replies:
        """The software that this process runs on."""
        return self._each(lambda worker: {"ok": software(self._app)})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotInThisVersion(
            _(
                "inspect has no {name}: no worker is asked, and the broker does not know it. There are active, scheduled,"
                " reserved, revoked, query_task, registered, ping, stats, active_queues, conf and report."
            ).format(name=name)
        )


def software(app: Celery) -> str:
    """Return what runs here, in lines that a report of a problem needs."""
    import django  # a constant

    from celeriac import __version__

    broker = without_password(app.settings.broker_url)
    lines = [
        f"software -> celeriac:{__version__} django:{django.get_version()} py:{platform.python_version()}",
        f"platform -> system:{platform.system()} arch:{platform.machine()} cpus:{os.cpu_count()}",
        f"settings -> module:{os.environ.get('DJANGO_SETTINGS_MODULE', '-')} broker:{broker}",
    ]
    return "\n".join(lines)


def _place(job: Job) -> str:
    """Return Celery's word for where a job is."""
    return "active" if job.state is State.RUNNING else job.state.value


def _with(task: Any, items: Iterable[str]) -> str:
    values = [f"{item}={getattr(task, item)}" for item in items if getattr(task, item, None) is not None]
    return f"{task.name} [{' '.join(values)}]" if values else str(task.name)


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return without_password(value)
    return value if isinstance(value, int | float | bool | Mapping | None) else str(value)
