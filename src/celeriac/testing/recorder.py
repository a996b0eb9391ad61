"""The brokers of tests: in memory, and as transactional as the project's own.

Where the project's queue is in its database, a job that is enqueued inside ``atomic()`` is gone with a rollback. It is here
too, although nothing is written to that database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from celeriac.app import Celery
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.clock import Clock
from celeriac.engine.errors import CeleriacError
from celeriac.engine.job import Job
from celeriac.outbox import is_test_case


class MovableClock:
    """The clock of the system, moved forward by hand: so that a test need not wait until a job is due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = 0.0

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self._clock.wall() + self._ahead

    def monotonic(self) -> float:
        """Seconds since an arbitrary start."""
        return self._clock.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._ahead += seconds


class Held:
    """Jobs of a transaction that is still open: called by Django when that commits, forgotten when it rolls back."""

    def __init__(self, connection: BaseDatabaseWrapper, jobs: Sequence[Job], broker: MemoryBroker) -> None:
        self._connection = connection
        self._broker = broker
        self.jobs = jobs

    def __call__(self) -> None:
        """Enqueue them. A second call does nothing: the broker knows their ids."""
        self._broker.push(self.jobs)

    def stands(self) -> bool:
        """Return whether the transaction may still commit: a rollback takes this out of what Django calls after it."""
        return any(entry[1] is self for entry in self._connection.run_on_commit)


class Recorder(MemoryBroker):
    """Keeps jobs and runs none.

    What waits for a COMMIT, which a ``TestCase`` never makes, counts as enqueued until it is rolled back.
    """

    def __init__(self, app: Celery, clock: MovableClock) -> None:
        super().__init__(clock)
        self.clock = clock
        self._app = app
        self._held: list[Held] = []

    def clone(self) -> Any:
        """Return a broker on the same data that moves and pushes without a look at transactions."""
        return MemoryBroker(self._clock, self._data)

    def push(self, jobs: Sequence[Job]) -> None:
        """Accept jobs, those of an open transaction on trial."""
        connection = open_transaction(self._app)
        if connection is None:
            super().push(jobs)
            return
        held = Held(connection, tuple(jobs), self.clone())
        self._held.append(held)
        connection.on_commit(held)

    def uncommitted(self) -> list[Job]:
        """Return the jobs of transactions that are still open, in the order of their calls."""
        self._held = [held for held in self._held if held.stands()]
        return [job for held in self._held for job in held.jobs if self._data.find(job.id) is None]

    def settle_transactions(self) -> None:
        """From now on those jobs are enqueued, as if their transactions had committed."""
        super().push(self.uncommitted())
        self._held.clear()

    def wait(self, id: str, timeout: float | None) -> Job | None:
        """Return the record of a job that has ended. Raises ``CeleriacError`` for one that has not: nobody will run it."""
        if not self._has_ended(id):
            raise CeleriacError(
                f"The job {id} was recorded and not run, so waiting for it would never end. Call celeriac.testing.drain()"
                ' before result.get(), or use override(mode="eager") or override(mode="worker").'
            )
        return super().wait(id, timeout)


class SharedBroker(MemoryBroker):
    """The broker that a test shares with a worker in another thread: jobs of a transaction are enqueued when it commits.

    The transaction of a ``TestCase`` never does, so inside that one they are enqueued at once.
    """

    def __init__(self, app: Celery) -> None:
        super().__init__(app.clock)
        self._app = app

    def clone(self) -> Any:
        """Return the worker's broker on the same data."""
        return MemoryBroker(self._clock, self._data)

    def push(self, jobs: Sequence[Job]) -> None:
        """Accept jobs, those of an open transaction when it commits."""
        connection = open_transaction(self._app)
        if connection is None or is_test_case(connection):
            super().push(jobs)
        else:
            connection.on_commit(Held(connection, tuple(jobs), self.clone()))


def queue_connection(app: Celery) -> BaseDatabaseWrapper | None:
    """Return this thread's connection to the database of the project's queue; None where that is in none."""
    url = urlsplit(app.settings.broker_url)
    return _connection(url.netloc or "default") if url.scheme == "django" else None


def open_transaction(app: Celery) -> BaseDatabaseWrapper | None:
    """Return this thread's connection with the open transaction that decides over jobs: that of the queue, or of the outbox."""
    url = urlsplit(app.settings.broker_url)
    connection = queue_connection(app) if url.scheme == "django" else _connection(app.settings.outbox)
    return connection if connection is not None and connection.in_atomic_block else None


def _connection(alias: str | None) -> BaseDatabaseWrapper | None:
    known = alias is not None and django_settings.configured and alias in connections
    return connections[alias] if known and alias is not None else None
