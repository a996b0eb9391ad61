"""What the receivers of ``celeriac.signals`` are told of a worker as a whole, with Celery's arguments."""

from __future__ import annotations

import logging
import os
from typing import Any

from celeriac import signals
from celeriac.app import Celery
from celeriac.engine.attempt.failure import ExceptionInfo
from celeriac.engine.attempt.hooks import call_failure_hooks
from celeriac.engine.encryption import arguments_of
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.job import Job, State
from celeriac.engine.options import WorkerOptions
from celeriac.engine.request import Request
from celeriac.result import AsyncResult

logger = logging.getLogger("celeriac.signals")

OF_THE_HERALD = (
    signals.worker_ready, signals.worker_shutting_down, signals.worker_shutdown, signals.heartbeat_sent,
    signals.task_failure, signals.task_revoked,
)  # fmt: skip
"""Signals that need a process of their own while the worker runs; there is one only where somebody listens."""
SIGKILL = 9
"""How a child ends over one job. (Windows, where no child is killed, has no name for it.)"""


class WorkerInstance:
    """What stands for the worker in these signals: ``sender`` or ``instance``, as in ``sender.app.send_task(...)``."""

    def __init__(self, app: Celery, hostname: str, options: WorkerOptions | None = None) -> None:
        self.app = app
        self.hostname = hostname
        self.options = options

    @property
    def pid(self) -> int:
        """The process in which the signal is sent."""
        return os.getpid()

    def __repr__(self) -> str:
        return f"<Worker: {self.hostname}>"


class WorkerSignals:
    """Sends them. One for a worker; a fork of it is in each of its processes."""

    def __init__(self, app: Celery, hostname: str) -> None:
        self.instance = WorkerInstance(app, hostname)

    def starting(self, options: dict[str, Any]) -> None:
        """The app is found, and its settings may still be changed. ``options`` are what the command line says."""
        instance = self.instance
        signals.celeryd_init.send(sender=instance.hostname, instance=instance, conf=instance.app.conf, options=options)

    def loaded(self, options: WorkerOptions) -> None:
        """Tasks are imported, settings read, logging set up; no process was forked."""
        instance = self.instance
        instance.options = options
        signals.worker_init.send(sender=instance)
        signals.celeryd_after_setup.send(sender=instance.hostname, instance=instance, conf=instance.app.conf)

    def has_listeners(self) -> bool:
        """Return whether a herald is needed: for a receiver, or for a task's own hook."""
        tasks = self.instance.app.tasks.values()
        return any(signal.receivers for signal in OF_THE_HERALD) or any(task.told_when_killed for task in tasks)

    def tell(self, event: str, **about: Any) -> None:
        """Something becomes of the worker: what the engine's herald says."""
        instance = self.instance
        if event == "ready":
            signals.worker_ready.send(sender=instance)
        elif event == "alive":
            signals.heartbeat_sent.send(sender=instance)
        elif event == "stopping":
            signals.worker_shutting_down.send(
                sender=instance.hostname, sig=about["signal"], how=about["how"], exitcode=about["exit_code"]
            )
        elif event == "stopped":
            signals.worker_shutdown.send(sender=instance)
        elif event == "killed":
            tell_of_killed(instance.app, about["number"])


def tell_of_killed(app: Celery, number: int) -> None:
    """Tell what became of a job whose child was killed over it, as the store has it."""
    try:
        jobs: list[Job] = app.broker().find({}, 1, before=number + 1)
        if not jobs or jobs[0].number != number:
            return  # somebody has deleted its record
        job = jobs[0]
        error = AsyncResult[Any](job.id, app=app).result
    except BrokerUnavailable as unavailable:
        logger.warning("No receiver is told of the job %d, whose child was killed: %s", number, unavailable)
        return
    task = app.tasks.get_task(job.task)
    if job.state is State.CANCELLED:
        signals.task_revoked.send(sender=task, request=Request(job), terminated=True, signum=SIGKILL, expired=False)
    elif job.state is State.FAILED and isinstance(error, BaseException):
        args, kwargs, _ = arguments_of(job, app.cipher)
        einfo = ExceptionInfo(error)
        if task is not None:
            call_failure_hooks(task, error, (job.id, args, kwargs, einfo))
        signals.task_failure.send(
            sender=task, task_id=job.id, exception=error, args=args, kwargs=kwargs, traceback=None, einfo=einfo
        )
