"""A real worker in a thread of the test's process (celery.contrib.testing.worker)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from celeriac import __version__
from celeriac.app import Celery
from celeriac.current import app_or_default, current_app_is
from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.attempt.runner import AttemptRunner
from celeriac.engine.options import WorkerOptions
from celeriac.engine.worker.executors.threads import ThreadExecutor
from celeriac.engine.worker.solo import Solo
from celeriac.local import maybe_evaluate
from celeriac.outbox import is_test_case
from celeriac.queues import declared_queues
from celeriac.testing.recorder import open_transaction, queue_connection
from celeriac.worker import DjangoProject

PATIENCE = 10.0
"""Seconds for a worker to start, to stop, or to answer a ping."""
CELERY_OPTIONS = frozenset({
    "autoscale", "heartbeat_interval", "logfile", "optimization", "pidfile", "prefetch_multiplier", "task_events",
    "without_gossip", "without_heartbeat", "without_mingle",
})  # fmt: skip
"""Options of Celery's worker that are accepted and change nothing."""


@contextmanager
def start_worker(
    app: Any = None,
    concurrency: int = 1,
    pool: str = "solo",
    loglevel: str | int | None = None,
    perform_ping_check: bool = False,
    shutdown_timeout: float = PATIENCE,
    queues: Iterable[str] | str | None = None,
    exclude_queues: Iterable[str] | str = (),
    hostname: str = "celeriac@testing",
    **options: Any,
) -> Iterator[InProcessWorker]:
    """Run a worker of an app's broker in another thread, and make that app the current one, for the time of a ``with`` block.

    ``app`` None: the current one. ``pool`` is ``solo``, one job at a time, or ``threads``. Without ``queues`` it serves all
    that the project names.

    Raises ``RuntimeError`` where it does not start, or does not stop within ``shutdown_timeout`` seconds.
    """
    if unknown := sorted(set(options) - CELERY_OPTIONS):
        raise TypeError(f"start_worker() has no option {', '.join(unknown)}.")
    app = maybe_evaluate(app_or_default(app))
    _refuse_unsuitable(app)
    app.discover()
    app.finalize()
    served = [queue for queue in _names(queues) or declared_queues(app) if queue not in _names(exclude_queues)]
    told = WorkerOptions(name=hostname, pool=pool, concurrency=concurrency, queues=served, broker=app.settings.broker_url)
    told.results = app.settings.results if "broker" not in vars(app) else None
    worker = InProcessWorker(app, told)
    with current_app_is(app), _logging(loglevel):
        worker.start()
        try:
            if perform_ping_check:
                worker.ping()
            yield worker
        finally:
            worker.stop(shutdown_timeout)


class InProcessWorker:
    """A worker in a thread. Tasks that are declared while it runs are known to it."""

    def __init__(self, app: Celery, options: WorkerOptions) -> None:
        self.app = app
        self.hostname = options.name
        self._project = _Project(app, options)
        self._solo: Solo | None = None
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="celeriac-testing", daemon=True)

    def start(self) -> None:
        """Start it; return when it takes jobs."""
        self._thread.start()
        if not self._ready.wait(PATIENCE):
            raise RuntimeError(f"The worker of the test has not started within {PATIENCE:g} s. Does its broker answer?")
        if self._error is not None:
            raise RuntimeError(f"The worker of the test did not start: {self._error}") from self._error

    def stop(self, timeout: float = PATIENCE) -> None:
        """Let the job that runs finish, and end."""
        if self._solo is not None:
            self._solo.stop()
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise RuntimeError(
                f"The worker of the test did not stop within {timeout:g} s: a job still runs. Let the test wait for its jobs,"
                " with result.get(timeout=...) or celeriac.testing.drain()."
            )

    def reload(self) -> None:
        """Celery's way to make a worker see new tasks. It sees them without."""

    def ping(self) -> None:
        """Require that the worker runs a job. Raises ``celeriac.exceptions.TimeoutError``."""
        from celeriac.testing.tasks import ping  # declares a task, which is for those who ask for it

        self.app.send_task(ping.name, queue=self._project.options.queues[0]).get(timeout=PATIENCE)

    def _work(self) -> None:
        try:
            self._project.started("child")
            self._solo = Solo(self._project, __version__)
            self._solo.run(self._ready.set)
        except Exception as error:  # noqa: BLE001 - raised again in the test's thread
            self._error = error
        finally:
            self._project.leaving("child")
            self._project.connections.close(self._solo.child.threads if self._solo is not None else None)
            self._ready.set()


class _Project(DjangoProject):
    """The project, with the broker that the test has."""

    def __init__(self, app: Celery, options: WorkerOptions) -> None:
        super().__init__(app, options)
        self.connections = _Connections()

    def connect(self) -> Any:
        return self.app.broker().clone()

    def agenda(self) -> None:
        """Periodic tasks are not fired in a test."""

    def runner(self, **parts: Any) -> AttemptRunner:
        runner = super().runner(**parts)
        runner.observers = [*runner.observers, self.connections]
        return runner


class _Connections:
    """An observer of attempts that remembers the database connections which bodies leave open in pool threads."""

    def __init__(self) -> None:
        self._opened: set[BaseDatabaseWrapper] = set()

    def started(self, attempt: Attempt) -> None:
        """Nothing was opened yet."""

    def ended(self, attempt: Attempt) -> None:
        """Called in the thread whose connections these are."""
        self._opened.update(connections.all(initialized_only=True))

    def broke(self, attempt: Attempt) -> None:
        """``ended`` follows."""

    def close(self, pool: ThreadExecutor | None) -> None:
        """Close them, after their threads have ended: a test database with open connections cannot be dropped."""
        for thread in pool.threads if pool is not None else ():
            thread.join(PATIENCE)
        for connection in self._opened:
            connection.inc_thread_sharing()
            connection.close()
            if connection.connection is not None:  # SQLite in memory, which Django never closes: the test's own keeps it alive
                connection.connection.close()
                connection.connection = None


def _refuse_unsuitable(app: Celery) -> None:
    """Raise ``RuntimeError`` where a worker could not get at what the test enqueues."""
    if "broker" in vars(app) or app.settings.broker_url.startswith("memory:"):
        return
    transaction = open_transaction(app)
    if transaction is not None and is_test_case(transaction):
        raise RuntimeError(
            "A worker sees nothing of what this test enqueues: the test runs in a transaction that is never committed, and its"
            " jobs are part of that. Use a TransactionTestCase, or pytest's transactional_db; or override(mode='worker'), whose"
            " queue is in memory; or override(mode='record') and drain()."
        )
    connection = queue_connection(app)
    is_in_memory = getattr(connection, "is_in_memory_db", None)  # SQLite's connections have it
    if connection is not None and is_in_memory is not None and is_in_memory():
        raise RuntimeError(
            "The test database is SQLite in memory, where a worker and the test lock each other out. Put it in a file:"
            f' DATABASES[{connection.alias!r}]["TEST"] = {{"NAME": BASE_DIR / "test.sqlite3"}}; or use'
            " override(mode='worker'), whose queue is in memory."
        )


def _names(queues: Iterable[str] | str | None) -> list[str]:
    if isinstance(queues, str):
        return [name.strip() for name in queues.split(",") if name.strip()]
    return list(queues or ())


@contextmanager
def _logging(level: str | int | None) -> Iterator[None]:
    """Let the worker's loggers write from ``level`` on; None leaves them alone."""
    loggers = [logging.getLogger(name) for name in ("celery", "celeriac")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers if level is not None else ():
            logger.setLevel(level.upper() if isinstance(level, str) else level or logging.NOTSET)
        yield
    finally:
        for logger, old in zip(loggers, before, strict=True):
            logger.setLevel(old)
