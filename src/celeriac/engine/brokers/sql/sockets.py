"""Wake-ups between the processes of one host: Unix datagram sockets in a private folder, one folder a database.

SQLite is one host. MySQL and MariaDB have no NOTIFY: there, a process on another host than the producer's looks for itself.

``s/`` holds the bound sockets, ``q-<hash>/`` a link for each child that is idle on that queue, ``k/`` the keepers, ``w/``
callers that wait for a result. Whoever wakes a child takes its link away, so that two new jobs wake two children. Where there
are no Unix sockets (Windows) or the site runs as another user, ``PRAGMA data_version`` is looked at instead: it changes with
every commit.
"""

from __future__ import annotations

import hashlib
import os
import random
import socket
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from django.db import connections

from celeriac.engine.brokers.sql.connection import Connection
from celeriac.engine.brokers.sql.servererrors import typed_errors
from celeriac.engine.ipc.ready import ready

HAS_SOCKETS = hasattr(socket, "AF_UNIX")
SOME_WAITING = """select queue from celeriac_live where state = 'waiting' and queue in %s
    and queue not in (select name from celeriac_queue where paused) limit 20"""
_GONE = (FileNotFoundError, ConnectionRefusedError)


@cache
def _digest(text: str) -> str:
    return hashlib.blake2s(text.encode(), digest_size=5).hexdigest()


def folder_for(place: str) -> Path:
    """Return the folder of a database's sockets: short enough for a socket's path, private to this user."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    return Path(tempfile.gettempdir()) / f"celeriac-{user}-{_digest(place)}"


def folder_of(alias: str) -> Path:
    """Return the folder of the SQLite file of an alias."""
    return folder_for(SocketWake._place(connections[alias].settings_dict))


def make_private(folder: Path) -> None:
    """Make the folder of a database where it is missing. Raises ``PermissionError`` where somebody else made it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


class SocketWake:
    """Sends and receives wake-ups. Each instance belongs to one thread; sending keeps no state but one socket."""

    poll_every = 0.2 if HAS_SOCKETS else 0.02  # the second is how long a job waits at most where nothing can wake its child

    def __init__(self, alias: str, connection: Connection) -> None:
        self._alias = alias
        self._connection = connection
        self._folder = folder_for(self._place(connections[alias].settings_dict))
        self._inbox: socket.socket | None = None
        self._address = self._folder
        self._outbox: tuple[int, socket.socket] | None = None
        self._links: list[Path] = []
        self._version = -1

    @staticmethod
    def _place(settings: Mapping[str, Any]) -> str:
        """Return what all processes that use this database call it."""
        return os.path.realpath(str(settings["NAME"]))

    # -- receiving ---------------------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._inbox.fileno() if self._inbox is not None else -1

    def _bind(self, kind: str, name: str) -> None:
        if self._inbox is not None or not HAS_SOCKETS:
            return
        make_private(self._folder)
        place = self._folder / kind
        place.mkdir(mode=0o700, exist_ok=True)
        self._address = place / name
        with suppress(FileNotFoundError):
            self._address.unlink()
        inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        inbox.setblocking(False)
        inbox.bind(str(self._address))
        self._inbox = inbox

    def arm(self, child: str, queues: Sequence[str]) -> None:
        self._bind("s", child)
        if self._inbox is None:
            return
        if not self._links:
            self._links = [self._folder / f"q-{_digest(queue)}" / child for queue in queues]
            for link in self._links:
                link.parent.mkdir(mode=0o700, exist_ok=True)
        for link in self._links:
            with suppress(FileExistsError):
                link.symlink_to(self._address)

    def disarm(self, child: str) -> None:
        for link in self._links:
            with suppress(FileNotFoundError):
                link.unlink()

    def watch(self) -> None:
        self._bind("k", uuid.uuid4().hex)

    def drain(self) -> bool:
        woken = False
        if self._inbox is not None:
            with suppress(BlockingIOError):
                while self._inbox.recv(16):
                    woken = True
        return woken

    def changed(self) -> bool:
        with typed_errors(self._alias, self._connection):
            version = self._connection.fetch("PRAGMA data_version")[0][0]
        before, self._version = self._version, version
        return bool(version != before)

    # -- sending -----------------------------------------------------------------------------------------------------------

    def wake(self, queues: Mapping[str, int]) -> None:
        for queue, jobs in queues.items():
            places = [f"{self._folder}/q-{_digest(queue)}"] if queue else map(str, self._folder.glob("q-*"))
            for place in places:
                self._wake_some(place, jobs)

    def _wake_some(self, place: str, jobs: int) -> None:
        idle = _names(place)
        if len(idle) > jobs:
            random.shuffle(idle)
        for name in idle:
            if jobs <= 0:
                return
            jobs -= self._take_and_send(f"{place}/{name}")

    def _take_and_send(self, link: str) -> bool:
        """Take an idle child off the list and wake it. Returns False where another producer took it, or it is dead.

        In this order: a child that goes idle again meanwhile makes a new link, which a later unlink would take away unseen.
        """
        try:
            address = os.readlink(link)
            os.unlink(link)
        except FileNotFoundError:
            return False
        return self._send(address)

    def wake_keepers(self) -> None:
        self._wake_all("k")

    def wake_waiters(self, numbers: Sequence[int]) -> None:
        self._wake_all("w")

    def _wake_all(self, kind: str) -> None:
        place = self._folder / kind
        for name in _names(place):
            self._send(f"{place}/{name}", remove_dead=True)

    def _send(self, path: str, remove_dead: bool = False) -> bool:
        if self._outbox is None or self._outbox[0] != os.getpid():
            outbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            outbox.setblocking(False)
            self._outbox = (os.getpid(), outbox)
        try:
            self._outbox[1].sendto(b"\x01", path)
        except _GONE:
            if remove_dead:
                with suppress(FileNotFoundError):
                    os.unlink(path)
            return False
        except BlockingIOError:
            return True  # its inbox is full of wake-ups already
        except PermissionError:
            return False  # another user's; polling serves it
        return True

    # -- waiting for a result ------------------------------------------------------------------------------------------------

    @contextmanager
    def waiting(self, id: str) -> Iterator[Callable[[float], None]]:
        if not HAS_SOCKETS:
            yield lambda seconds: time.sleep(min(seconds, self.poll_every))
            return
        inbox = type(self)(self._alias, self._connection)
        inbox._bind("w", uuid.uuid4().hex)
        try:
            yield inbox._sleep
        finally:
            inbox.close()

    def _sleep(self, seconds: float) -> None:
        ready([self.fileno()], seconds)
        self.drain()

    def _unbind(self) -> None:
        if self._inbox is not None:
            self._inbox.close()
            self._inbox = None
            with suppress(FileNotFoundError):
                self._address.unlink()

    def close(self) -> None:
        self.disarm("")
        self._links = []
        self._unbind()
        if self._outbox is not None:
            self._outbox[1].close()
            self._outbox = None


class SocketOrLookWake(SocketWake):
    """The same for a database server. What another host's processes did is found by a look at the database, often.

    One idle child looks for all of its host that serve the same queues: each look leaves its time at a file, and who comes too
    soon after it does not look, and comes less often. Who finds several jobs wakes as many.
    """

    look_every = 0.125
    stand_by = 0.5
    poll_every = look_every

    def __init__(self, alias: str, connection: Connection) -> None:
        super().__init__(alias, connection)
        self._queues: list[str] = []
        self._looked = self._folder
        self._our_look = 0.0

    @staticmethod
    def _place(settings: Mapping[str, Any]) -> str:
        return ":".join(str(settings[part]) for part in ("HOST", "PORT", "NAME"))

    def arm(self, child: str, queues: Sequence[str]) -> None:
        if not self._queues:
            self._queues = list(queues)
            self._looked = self._folder / f"looked-{_digest(repr(sorted(queues)))}"
        super().arm(child, queues)

    def changed(self) -> bool:
        if not self._queues:
            return True
        idle = HAS_SOCKETS and self._another_has_looked()
        self.poll_every = self.stand_by if idle else self.look_every
        if idle:
            return False
        with typed_errors(self._alias, self._connection):
            found = Counter(row[0] for row in self._connection.fetch(SOME_WAITING, (self._queues,)))
        if found:
            self.disarm("")  # we are awake, and take one of them
            self.wake(found - Counter(list(found)[:1]))
        return bool(found)

    def _another_has_looked(self) -> bool:
        """Return whether the last look of this host is fresh and not ours; where it is not, say that we look now."""
        try:
            last = self._looked.stat().st_mtime
        except FileNotFoundError:
            last = 0.0
        if last != self._our_look and 0 <= time.time() - last < 0.9 * self.look_every:
            return True
        self._looked.touch(mode=0o600)
        self._our_look = self._looked.stat().st_mtime
        return False

    def _sleep(self, seconds: float) -> None:
        super()._sleep(min(seconds, self.look_every))


def _names(place: str | Path) -> list[str]:
    try:
        return os.listdir(place)
    except FileNotFoundError:
        return []
