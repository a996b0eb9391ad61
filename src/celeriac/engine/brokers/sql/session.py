"""One connection to a Django database, and what each statement on it is wrapped in: typed errors, another try, wake-ups.

A *caller's* session uses Django's own connection of whichever thread calls, so what it writes joins that thread's transaction.
A *worker's* (``clone()``, ``private=True``) opens a connection of its own and is used by one thread.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

from django.db import connections
from django.db.utils import OperationalError

from celeriac.engine.brokers.sql.connection import CallerConnection, Connection, Rows
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.brokers.sql.servererrors import is_conflict, is_deadlock, is_gone, is_locked, typed_errors
from celeriac.engine.brokers.sql.wake import Wake, wake_for
from celeriac.engine.errors import ImproperlyConfigured, did_you_mean
from celeriac.engine.translation import gettext as _

T = TypeVar("T")
CONFLICTS = 5
"""How often a transaction that the server chose as a deadlock's victim is tried again."""
AT_ONCE = 1.0
"""Seconds within which a server that closed our idle connection is known to have."""


def dialect_for(alias: str) -> Dialect:
    """Return the dialect of a database alias. Raises ``ImproperlyConfigured`` for none, and for a vendor without one."""
    if alias not in connections.databases:
        raise ImproperlyConfigured(
            _("django://{alias} names an entry of DATABASES that is not there.{hint} There are: {known}.").format(
                alias=alias, hint=did_you_mean(alias, connections.databases), known=", ".join(sorted(connections.databases))
            )
        )
    vendor = connections[alias].vendor
    if vendor == "sqlite":
        from celeriac.engine.brokers.sql.sqlite import SQLite  # a vendor's driver is imported only where it is used

        return SQLite(alias)
    if vendor == "postgresql":
        from celeriac.engine.brokers.sql.postgres import Postgres

        return Postgres(alias)
    if vendor == "mysql":
        from celeriac.engine.brokers.sql.mysql import MySQL

        return MySQL(alias)
    raise ImproperlyConfigured(
        _(
            "The database {alias!r} is {vendor}; Celeriac's SQL engine runs on SQLite, PostgreSQL, MySQL and MariaDB. Name an"
            ' alias of one of these: CELERY_BROKER_URL = "django://<alias>".'
        ).format(alias=alias, vendor=vendor)
    )


class Session:
    """A connection, its dialect and its wake-ups."""

    def __init__(self, alias: str, private: bool = False) -> None:
        self.alias = alias
        self.private = private
        self.dialect = dialect_for(alias)
        self.connection: Connection = (
            self.dialect.connect() if private else CallerConnection(alias, self.dialect.native, self.dialect.cursor)
        )
        self.wake: Wake = wake_for(self.dialect, self.connection)

    def open(self) -> None:
        self._do(lambda: self.connection.fetch("select 1 from celeriac_leader where duty = %s", ("",)))

    def close(self) -> None:
        self.wake.close()
        self.connection.close()

    def clone(self) -> Self:
        return type(self)(self.alias, private=True)

    def notifier(self) -> Wake:
        return self.wake

    # -- running statements ------------------------------------------------------------------------------------------------

    def _do(self, action: Callable[[], T]) -> T:
        """Run ``action`` with typed errors; try again what gave way to others or met a closed connection, where it is ours."""
        begun = time.monotonic()
        with typed_errors(self.alias, self.connection):
            for attempt in range(CONFLICTS):
                try:
                    return action()
                except OperationalError as error:
                    if attempt == CONFLICTS - 1 or not self._may_repeat(error, time.monotonic() - begun):
                        raise
                    time.sleep(random.uniform(0, 0.02 * (attempt + 1)))
        raise AssertionError("unreachable: the last conflict is raised")

    def _may_repeat(self, error: OperationalError, seconds: float) -> bool:
        """Return whether to try again what failed ``seconds`` after it began. Each operation of ours alone bears that."""
        if self.connection.in_transaction():
            return False  # the server undid what the caller had done before us, too
        if is_gone(error):  # while it was idle, where that shows at once; else nobody answers, and trying again takes as long
            self.connection.close()
            return seconds < AT_ONCE
        if self.private:
            return is_conflict(error) or is_locked(error)
        return is_deadlock(error)  # a caller has waited for locks as long as the project's own settings say

    def in_transaction(self, action: Callable[[], T]) -> T:
        def run() -> T:
            with self.connection.atomic():
                return action()

        return self._do(run)

    def write(self, sql: str, values: Sequence[Any]) -> int:
        """Run one statement by itself; return the number of rows it changed."""
        return self._do(lambda: self.connection.run(sql, values))

    def read(self, name: str, values: Sequence[Any] = ()) -> Rows:
        """Return what a named statement finds."""
        return self._do(lambda: self.connection.fetch(self.dialect.sql[name], values))

    # -- wake-ups --------------------------------------------------------------------------------------------------------------

    def wake_up(self, waiting: Mapping[str, int], due: float | None = None) -> None:
        with typed_errors(self.alias, self.connection):
            if waiting:
                self.wake.wake(waiting)
            if due is not None and due < time.time() + 1.0:  # what is due later, the keeper sees in time by itself
                self.wake.wake_keepers()

    def _taken(self, take: Callable[[], list[str]]) -> int:
        """Run what takes jobs back, wake who waits for them, and return how many they were."""
        queues = self.in_transaction(take)
        if "" in queues:
            self._wake_waiters()
        self.wake_up(Counter(queue for queue in queues if queue))
        return len(queues)

    def _wake_waiters(self) -> None:
        """Wake the callers whose job is over. After the COMMIT: who waits has made its row before it looked at the job."""

        def wake() -> None:
            over = [row[0] for row in self.connection.fetch(self.dialect.sql["over"])]
            if over:
                self.wake.wake_waiters(over)  # first: the other may wait for the disk, and so would they
                self.connection.run_many(self.dialect.sql["woken"], [(number,) for number in over])

        self._do(wake)
