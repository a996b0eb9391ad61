"""Wake-ups by PostgreSQL's LISTEN and NOTIFY.

A NOTIFY halves the speed of a small transaction, so it is sent only to those who sleep: a child that goes idle writes a row
into ``celeriac_idle``, claims once more, and sleeps; a producer takes such a row and notifies that child.

Who enqueues one job by itself does so in the statement that inserts it, which saves a way to the server and a COMMIT; all
others after their COMMIT, or a child could be kept from its row as long as their transaction lasts. That statement does not
see a row that is written between its own beginning and its COMMIT, and the claim of such a child does not see the job. So who
has gone idle looks again, twice at least, and then as long as a transaction is under way that was so at its second look: such a
job waits a few times as long as its own COMMIT took.
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

# The table is UNLOGGED: what writes to it alone waits for no disk.
ARM = "insert into celeriac_idle (child, queues) values (%s, %s) on conflict (child) do nothing returning id"
DISARM = "delete from celeriac_idle where child = %s"
FIRST_LOOK = 0.001
LAST_LOOK = 1.0
MORE = 3
"""Seconds that an idle child sleeps before its first look; each of the next comes after so many times as long."""
LOOK = """select array(
        select (select job from celeriac_live where state = 'waiting' and queue = q.name order by priority desc, job limit 1)
        from unnest(%s::text[]) as q(name) where not exists (select 1 from celeriac_queue where name = q.name and paused)),
    txid_snapshot_xmin(txid_current_snapshot()), txid_snapshot_xmax(txid_current_snapshot())"""
# A queue's name is sought as JSON writes it, between its quotes, so that no name is found inside another one.
WAKE = """delete from celeriac_idle where id = any(array(
        select id from celeriac_idle where strpos(queues, %s) > 0 or %s limit {children} for update skip locked))
    returning pg_notify('celeriac_' || replace(child, '-', ''), id::text)"""
WAKE_SOME = WAKE.format(children="%s")


def waking(queue: str) -> tuple[str, bool]:
    """Return the first parameters of ``WAKE``. An empty name means any queue."""
    return to_json(queue).decode(), not queue


class ListenWake:
    """Sends and receives wake-ups on a broker's connection."""

    poll_every = LAST_LOOK

    def __init__(self, dialect: Dialect, connection: Connection) -> None:
        self._dialect = dialect
        self._connection = connection
        self._channel = ""
        self._listening: Any = None
        self._armed = ""
        """The number of our row in ``celeriac_idle``, until we know that somebody took it to wake us."""
        self._queues: Sequence[str] = ()
        self._looks = 0
        self._under_way = 0
        """At the second look, the number after those of all transactions of then."""
        self._seen: set[int] = set()
        """Jobs that waited at the last look: one that is there again is somebody's who has locked it."""

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
        self._queues, self._looks, self.poll_every = queues, 0, FIRST_LOOK

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
        with self._typed():
            ((first, oldest, following),) = self._connection.fetch(LOOK, (list(self._queues),))
        self._looks += 1
        if self._looks == 2:
            self._under_way = following
        over = self._looks > 1 and oldest >= self._under_way
        self.poll_every = LAST_LOOK if over else min(MORE * self.poll_every, LAST_LOOK)
        seen, self._seen = self._seen, {job for job in first if job is not None}
        return self.drain() or bool(self._seen - seen)  # a wake-up may have come with the answer

    # -- sending -----------------------------------------------------------------------------------------------------------

    def wake(self, queues: Mapping[str, int]) -> None:
        for queue, jobs in queues.items():
            self._connection.fetch(WAKE_SOME, (*waking(queue), jobs))

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
