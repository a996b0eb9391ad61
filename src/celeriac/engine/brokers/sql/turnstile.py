"""Lets the transactions of the engine's own writers of a SQLite file in one after the other.

SQLite has one lock for all who write, and who finds it taken sleeps for 1 ms, then 2, 5, 10 and so on, while a turn of a child
lasts but one: two children did nothing for two fifths of their time. They wait here for each other, and look often; who
is through meets only the project's own writers at SQLite's lock, and waits for them in SQLite's way, so that it does not take
their turns. This is a matter of speed alone: where it cannot be had, they meet at SQLite's lock.
"""

from __future__ import annotations

import logging
import os
import random
import time
from contextlib import suppress
from pathlib import Path

from celeriac.engine.brokers.sql.sockets import make_private

try:
    import fcntl
except ImportError:  # Windows
    HAS_LOCKS = False
else:
    HAS_LOCKS = True

logger = logging.getLogger("celeriac.worker")

FIRST_PAUSE, LONGEST_PAUSE = 0.0005, 0.004
"""Seconds between two looks: ever longer, since there may be many who wait."""
LONGEST = 0.1
"""Seconds for which one writer waits for the others. A process that is stopped meanwhile holds nobody up for longer: what
nobody can write without is SQLite's lock, not this."""


class Turnstile:
    """One of those who write. Owned by one thread; the file is what they share."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._usable = HAS_LOCKS

    def enter(self) -> None:
        """Wait until nobody else of the engine's writes, ``LONGEST`` seconds at the most."""
        if not self._usable:
            return
        try:
            self._wait()
        except OSError as error:  # a full disk, a folder of somebody else's, a file system without locks
            self._usable = False
            with suppress(OSError):
                self.close()
            logger.warning("%s cannot be used (%s): who writes to this SQLite file waits longer for others.", self._path, error)

    def _wait(self) -> None:
        if self._file < 0:
            self._file = self._open()
        pause, deadline = FIRST_PAUSE, time.monotonic() + LONGEST
        while not self._taken() and time.monotonic() < deadline:
            time.sleep(random.uniform(0.5, 1.0) * pause)
            pause = min(1.2 * pause, LONGEST_PAUSE)

    def _open(self) -> int:
        make_private(self._path.parent)
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def leave(self) -> None:
        """Let the next one in."""
        if self._file >= 0:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
