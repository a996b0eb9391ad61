"""Wakes threads of this process that wait for jobs of an in-memory broker."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence

from celeriac.engine.brokers.memory_data import MemoryData


class MemoryNotifier:
    """A notifier whose descriptor is one end of a socket pair, made when somebody first asks for it."""

    poll_every = 1.0

    def __init__(self, data: MemoryData) -> None:
        self._data = data
        self._ends: tuple[socket.socket, socket.socket] | None = None
        self._armed: set[str] = set()
        self._ringer = self._ring  # one bound method, so that it can be found again in a set
        self._seen = data.changes

    def _pair(self) -> tuple[socket.socket, socket.socket]:
        if self._ends is None:
            self._ends = socket.socketpair()
            for end in self._ends:
                end.setblocking(False)
        return self._ends

    def fileno(self) -> int:
        """A descriptor that is readable when there may be work."""
        with self._data.lock:
            return self._pair()[0].fileno()

    def watch(self) -> None:
        """Receive what is meant for keepers, too."""
        with self._data.lock:
            self._pair()
            self._data.keepers.add(self._ringer)

    def arm(self, child: str, queues: Sequence[str]) -> None:
        """Publish that ``child`` is idle."""
        with self._data.lock:
            self._pair()
            self._armed.add(child)
            self._data.sleepers[child] = (frozenset(queues), self._ringer)

    def disarm(self, child: str) -> None:
        """Withdraw it."""
        with self._data.lock:
            self._armed.discard(child)
            self._data.sleepers.pop(child, None)

    def drain(self) -> bool:
        """Forget wake-ups received so far. Returns whether there were any."""
        woken = False
        with self._data.lock, contextlib.suppress(BlockingIOError):
            while self._ends and self._ends[0].recv(4096):
                woken = True
        return woken

    def changed(self) -> bool:
        """Return whether jobs came to wait since the last call."""
        with self._data.lock:
            seen, self._seen = self._seen, self._data.changes
            return seen != self._seen

    def close(self) -> None:
        """Disarm every child and let go of the descriptor."""
        with self._data.lock:
            self._data.keepers.discard(self._ringer)
            for child in self._armed.copy():
                self.disarm(child)
            for end in self._ends or ():
                end.close()
            self._ends = None

    def _ring(self) -> None:
        # A full buffer means that a wake-up is there already, unread.
        with contextlib.suppress(BlockingIOError):
            self._pair()[1].send(b"\x00")
