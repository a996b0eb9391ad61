"""Wake-ups by PostgreSQL's LISTEN and NOTIFY.

A NOTIFY halves the speed of a small transaction, so it is sent only to those who sleep: a child that goes idle writes a row
into ``celeriac_idle``, claims once more, and sleeps; a producer takes such a row after its COMMIT and notifies that child.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from celeriac.engine.brokers.sql.connection import CallerConnection, Connection, OwnConnection
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.brokers.sql.rows import to_json
from celeriac.engine.brokers.sql.servererrors import typed_errors
from celeriac.engine.ipc.ready import ready

KEEPERS = "celeriac_keepers"
WAITERS = "celeriac_waiters"

ARM = "insert into celeriac_idle (child, queues) values (%s, %s) on conflict (child) do nothing returning id"
DISARM = "delete from celeriac_idle where child = %s"
# A queue's name is sought as JSON writes it, between its quotes, so that no name is found inside another one.
WAKE = """delete from celeriac_idle where id = any(array(
        select id from celeriac_idle where strpos(queues, %s) > 0 or %s limit %s for update skip locked))
    returning pg_notify('celeriac_' || replace(child, '-', ''), id::text)"""


class ListenWake:
    """Sends and receives wake-ups on a broker's connection."""

    poll_every = 1.0

    def __init__(self, dialect: Dialect, connection: Connection) -> None:
        self._dialect = dialect
        self._connection = connection
        self._channel = ""
        self._listening: Any = None
        self._armed = ""
        """The number of our row in ``celeriac_idle``, until we know that somebody took it to wake us."""

    # -- receiving: only on a private connection, which stays open -------------------------------------------------------------

    def _listen(self, channel: str) -> None:
        assert isinstance(self._connection, OwnConnection)
        with self._typed():
            raw = self._connection.raw
            if self._listening is not raw or self._channel != channel:  # a connection made anew listens to nothing yet
                self._connection.run(f'listen "{channel}"')
                self._channel, self._listening = channel, raw

    def _typed(self) -> AbstractContextManager[None]:
        return typed_errors(self._dialect.alias, self._connection)

    def fileno(self) -> int:
        if self._listening is None or self._listening.closed:
            return -1
        return int(self._listening.fileno())

    def arm(self, child: str, queues: Sequence[str]) -> None:
        self._listen("celeriac_" + child.replace("-", ""))
        with self._typed():
            row = self._connection.fetch(ARM, (child, to_json(queues).decode()))
        self._armed = str(row[0][0]) if row else "unknown"

    def disarm(self, child: str) -> None:
        if not self._armed:
            return  # who woke us took the row: the next claim need not wait for that statement
        with self._typed():
            self._connection.run(DISARM, (child,))
        self._armed = ""

    def watch(self) -> None:
        self._listen(KEEPERS)

    def drain(self) -> bool:
        # A wake-up that came together with the answer to a statement was read with it: the descriptor shows nothing any more.
        if self._listening is None or self._listening.closed:
            return False
        assert isinstance(self._connection, OwnConnection)
        with self._typed(), self._connection.errors:  # a server that went away makes the descriptor readable, too
            woken = [notify.payload for notify in self._listening.notifies(timeout=0)]
        if self._armed in woken:
            self._armed = ""
        return bool(woken)

    def changed(self) -> bool:
        return True  # there is nothing cheaper to look at than the claim itself

    # -- sending -----------------------------------------------------------------------------------------------------------

    def wake(self, queues: Mapping[str, int]) -> None:
        for queue, jobs in queues.items():
            self._connection.fetch(WAKE, (to_json(queue).decode(), not queue, jobs))

    def wake_keepers(self) -> None:
        self._connection.fetch("select pg_notify(%s, '')", (KEEPERS,))

    def wake_waiters(self, numbers: Sequence[int]) -> None:
        self._connection.fetch("select pg_notify(%s, '')", (WAITERS,))

    # -- waiting for a result ------------------------------------------------------------------------------------------------

    @contextmanager
    def waiting(self, id: str) -> Iterator[Callable[[float], None]]:
        # The caller's connection is Django's, so listening takes one of our own.
        listener = ListenWake(self._dialect, self._dialect.connect())
        try:
            listener._listen(WAITERS)
            yield listener._sleep
        finally:
            listener._connection.close()

    def _sleep(self, seconds: float) -> None:
        ready([self.fileno()], seconds)
        self.drain()

    def close(self) -> None:
        self._listening = None
        if self._channel and not isinstance(self._connection, CallerConnection):
            self._channel = ""
