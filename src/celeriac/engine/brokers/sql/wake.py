"""Waking idle children, keepers and waiting callers. A lost wake-up costs one polling interval, never a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from celeriac.engine.brokers.base import Notifier
from celeriac.engine.brokers.sql.connection import Connection
from celeriac.engine.brokers.sql.dialect import Dialect


class Wake(Notifier, Protocol):
    """A ``Notifier`` of the SQL engine, and the sending side of it."""

    def wake(self, queues: Mapping[str, int]) -> None:
        """Wake as many idle children as there are new jobs in each queue. An empty name means any queue."""

    def wake_keepers(self) -> None:
        """Wake every keeper."""

    def wake_waiters(self, numbers: Sequence[int]) -> None:
        """Wake the callers that wait for these jobs."""

    def waiting(self, id: str) -> AbstractContextManager[Callable[[float], None]]:
        """Yield a function that sleeps up to so many seconds, or until a job that somebody waits for has ended."""

    def close(self) -> None: ...


def wake_for(dialect: Dialect, connection: Connection) -> Wake:
    """Return the means of a dialect's vendor."""
    if dialect.vendor == "sqlite":
        from celeriac.engine.brokers.sql.sockets import SocketWake  # sockets of the host's processes: SQLite is one host

        return SocketWake(dialect.alias, connection)
    if dialect.vendor == "mysql":
        from celeriac.engine.brokers.sql.sockets import SocketOrLookWake  # as above

        return SocketOrLookWake(dialect.alias, connection)
    from celeriac.engine.brokers.sql.listen import ListenWake

    return ListenWake(dialect, connection)
