"""The project as the engine's worker sees it: found, imported, checked, and turned into options."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from django.core import checks
from django.db import connections, reset_queries
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error

from celeriac import signals
from celeriac.app import Celery
from celeriac.beat import outlook
from celeriac.beat.agenda import Agenda, agenda_of
from celeriac.cli import concurrency, neighbours
from celeriac.cli.nodename import node_name
from celeriac.cli.places import places
from celeriac.cli.project import find_app, set_up_django
from celeriac.cli.worker import Flags
from celeriac.cli.workerlog import set_up_logging
from celeriac.conf import Settings
from celeriac.conf.backends import backends
from celeriac.current import current_app
from celeriac.engine.attempt.runner import AttemptRunner
from celeriac.engine.brokers.base import Unpark
from celeriac.engine.brokers.factory import connect_broker, connect_results
from celeriac.engine.brokers.resultstore import ResultStore
from celeriac.engine.errors import BrokerUnavailable, ImproperlyConfigured, SchemaMissing, did_you_mean
from celeriac.engine.job import Job, State
from celeriac.engine.options import COROUTINES, HAS_FORK, WorkerOptions
from celeriac.engine.outcome import Failure
from celeriac.engine.translation import gettext as _
from celeriac.engine.translation import language
from celeriac.engine.worker.attempt_log import AttemptLog
from celeriac.followups import follow_failure
from celeriac.outbox import Outbox, alias_of, has_tables, outbox_of
from celeriac.queues import declared_queues
from celeriac.workersignals import WorkerSignals

logger = logging.getLogger("celeriac.worker")

KEEP_CONNECTION = 30.0
"""Seconds for which a connection that Django would close at once (CONN_MAX_AGE = 0) is kept for the next jobs."""
OTHER_POOLS = {"eventlet": "asyncio", "gevent": "asyncio", "processes": "prefork"}


class DjangoProject:
    """A Django project whose tasks are registered in ``app``. Implements the engine's ``Project``."""

    def __init__(self, app: Celery, options: WorkerOptions, told: WorkerSignals | None = None) -> None:
        self.app = app
        self.registry = app.registry
        self.options = options
        self._told = told or WorkerSignals(app, options.name)

    def connect(self) -> Any:
        return connect_broker(self.options.broker).clone()

    def results(self) -> ResultStore | None:
        store = connect_results(self.options.results)
        return None if store is None else store.clone()

    def outbox(self) -> Outbox | None:
        return outbox_of(self.app.settings, self.connect(), self.results())

    def agenda(self) -> Agenda | None:
        return agenda_of(self.app, self.connect())

    def runner(self, **parts: Any) -> AttemptRunner:
        return self.app.runner(observers=[AttemptLog(self.app.clock)], queues=self.options.queues, **parts)

    def follow_failure(self, job: Job, failure: Failure) -> Sequence[Job]:
        return follow_failure(job, failure)

    def started(self, role: str) -> None:
        connections.close_all()
        if role == "child":
            signals.worker_process_init.send(sender=None)

    def leaving(self, role: str) -> None:
        if role == "child":
            signals.worker_process_shutdown.send(sender=None, pid=os.getpid(), exitcode=0)
        connections.close_all()

    def tell(self, event: str, **about: Any) -> None:
        self._told.tell(event, **about)

    def between_jobs(self) -> None:
        reset_queries()
        for connection in connections.all(initialized_only=True):
            if connection.connection is not None and not connection.in_atomic_block and _is_stale(connection):
                connection.close()


def _is_stale(connection: BaseDatabaseWrapper) -> bool:
    """Return whether a connection is broken or past its age.

    Django would close it after each request; here after 30 s at least.
    """
    if connection.errors_occurred:
        if not connection.is_usable():
            return True
        connection.errors_occurred = False
    return connection.close_at is not None and time.monotonic() >= connection.close_at + KEEP_CONNECTION


# -- finding and importing ----------------------------------------------------------------------------------------------------


def load_project(flags: Flags) -> DjangoProject:
    """Import the project that the flags or the environment name, and return it with the worker's options."""
    for entry in reversed(flags.path):
        if entry not in sys.path:
            sys.path.insert(0, entry)
    app = find_app(flags.app) if flags.app else None
    set_up_django()
    app = app or current_app()
    told = WorkerSignals(app, node_name(flags.hostname))
    told.starting(msgspec.to_builtins(flags))
    app.discover()
    register_django_tasks()
    app.finalize()
    settings = app.conf.settings
    set_up_logging(settings, flags)
    run_checks(app)
    options = options_for(app, settings, flags)
    look_at_broker(app, options)
    look_at_results(options)
    options.schedule = periodic_tasks(app)
    told.loaded(options)
    options.herald = told.has_listeners()
    connections.close_all()
    return DjangoProject(app, options, told)


def register_django_tasks() -> None:
    """Register the tasks of Django that another backend made: ``using(backend=...)`` gives them to Celeriac's."""
    if backends():
        from celeriac.backend.runnable import register_declared  # reason: there is nothing to import without Django's tasks

        register_declared()


# -- checking and options -----------------------------------------------------------------------------------------------------


def run_checks(app: Celery) -> None:
    """Run Django's system checks and say what the settings are worth. Raises ``ImproperlyConfigured`` for errors."""
    found = checks.run_checks()
    errors = [str(problem) for problem in found if problem.is_serious() and not problem.is_silenced()]
    if errors:
        raise ImproperlyConfigured("\n".join(errors))
    reading = app.conf.read()
    for warning in (*reading.warnings, *reading.notes):
        logger.warning("%s", warning)


def options_for(app: Celery, settings: Settings, flags: Flags) -> WorkerOptions:
    """Return what the worker is told: the command line over the settings over the defaults."""
    pool = pool_for(settings, flags)
    app.conf.update(
        {name: getattr(flags, name) for name in ("time_limit", "soft_time_limit") if getattr(flags, name) is not None}
    )
    many = concurrency.choose(pool, flags, settings)
    return WorkerOptions(
        name=node_name(flags.hostname),
        pool=pool,
        concurrency=many,
        coroutines=many if pool == "asyncio" else COROUTINES,
        queues=queues_for(app, settings, flags),
        broker=settings.broker_url,
        results=settings.results,
        tasks=sorted(name for name in app.registry if not name.startswith("celery.")),
        max_tasks_per_child=flags.max_tasks_per_child or settings.max_tasks_per_child,
        max_memory_per_child=flags.max_memory_per_child or settings.max_memory_per_child,
        lease=settings.lease,
        renew_every=settings.renew_every,
        poison_limit=settings.poison_limit,
        keep=settings.ages,
        max_log_bytes=settings.max_log_bytes,
        language=language(),
        summary=places(settings),
    )


def pool_for(settings: Settings, flags: Flags) -> str:
    """Return the pool. Raises ``ImproperlyConfigured`` where it needs processes that this system cannot make."""
    asked = flags.pool or settings.pool
    pool = OTHER_POOLS.get(asked, asked)
    if pool == "prefork" and not HAS_FORK:
        raise ImproperlyConfigured(
            _(
                "The pool prefork forks processes, which Windows cannot: start the worker with --pool threads or"
                " --pool solo, or leave CELERY_WORKER_POOL unset."
            )
        )
    if pool != asked:
        logger.warning("--pool %s: Celeriac runs such tasks in its %s pool.", asked, pool)
    return pool


def queues_for(app: Celery, settings: Settings, flags: Flags) -> list[str]:
    """Return the queues this worker serves. Without -Q, all that the project names, so that no job waits for nobody."""
    declared = declared_queues(app)
    for queue in flags.queues or ():
        hint = did_you_mean(queue, declared) if queue not in declared else ""
        if hint:
            logger.warning("-Q %s: no task and no setting names this queue.%s", queue, hint)
    excluded = flags.exclude_queues or ()
    return [queue for queue in flags.queues or declared if queue not in excluded]


def look_at_broker(app: Celery, options: WorkerOptions) -> None:
    """See that the tables are there, let parked jobs wait again, and find out who else works on this host."""
    broker = connect_broker(options.broker)
    try:
        broker.open()
        resume_parked(app, broker)
        options.summary += [_("  warning {text}").format(text=text) for text in getattr(broker, "warnings", ())]
        options.summary += neighbours.announced(broker.workers())
    except SchemaMissing:
        raise
    except BrokerUnavailable as error:
        logger.warning("%s The worker starts and waits for it.", error)
    finally:
        broker.close()


def look_at_results(options: WorkerOptions) -> None:
    """See that the result store answers. Raises ``SchemaMissing``; where it is away, results wait for it at the broker."""
    results = connect_results(options.results)
    if results is None:
        return
    try:
        results.open()
    except SchemaMissing:
        raise
    except BrokerUnavailable as error:
        logger.warning("%s Results stay with their jobs until it answers.", error)
    finally:
        results.close()


def periodic_tasks(app: Celery) -> list[str]:
    """Return the lines of the start-up text about the periodic tasks. Where the database is away, there are none."""
    alias = alias_of(app)
    if alias is None or not has_tables():
        return []
    try:
        return outlook.lines(app, alias)
    except (Error, ValueError) as error:  # a ValueError: SQLite keeps times that are none, and Django reads no row with one
        logger.warning("The periodic tasks in the database %r cannot be read: %s", alias, error)
        return []


def resume_parked(app: Celery, broker: Any) -> None:
    """Let jobs wait again that were parked because no worker knew their task: this one does."""
    names = sorted({job.task for job in broker.find({"state": State.PARKED}, 1000)} & set(app.registry))
    unknown_before = tuple(name for name in names if _was_unknown(broker, name))
    if unknown_before:
        logger.warning("%d parked jobs wait again: their tasks are known now.", broker.control(Unpark(tasks=unknown_before)))


def _was_unknown(broker: Any, task: str) -> bool:
    parked = broker.find({"state": State.PARKED, "task": task}, 1)
    attempts = broker.attempts(parked[0].id) if parked else []
    return bool(attempts) and attempts[-1].failure is not None and attempts[-1].failure.type == "NotRegistered"
