"""Bringing jobs to the worker's store from a broker that only carries them.

A thread beside the keeper, with connections of its own: a broker that hangs must not keep the keeper from renewing the lease,
which is kept in the store.
"""

from __future__ import annotations

import logging
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.ipc.ready import ready
from celeriac.engine.worker.project import Project

logger = logging.getLogger("celeriac.keeper")

FIRST_BACKOFF = 0.05
LONGEST_BACKOFF = 1.0
PATIENCE = 5.0
"""Seconds that a stop waits for what is on its way."""


@contextmanager
def conveying(project: Project) -> Iterator[None]:
    """Bring in jobs of the worker's queues for the time of a ``with`` block, where the broker is not the store itself."""
    options = project.options
    make = getattr(project.connect(), "conveyor", None)
    if make is None or not options.queues:
        yield
        return
    thread = ConveyorThread(make(options.queues, options.concurrency, project.results()))
    thread.start()
    try:
        yield
    finally:
        thread.stop()


class ConveyorThread:
    """The thread. The conveyor is its own."""

    def __init__(self, conveyor: Any) -> None:
        self._conveyor = conveyor
        self._stopping = False
        self._wake_read, self._wake_write = socket.socketpair()  # Windows cannot wait for a pipe
        self._thread = threading.Thread(target=self._run, name="celeriac-conveyor", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End. What has not been brought in is another worker's."""
        self._stopping = True
        self._wake_write.send(b"\x01")
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        delay = FIRST_BACKOFF
        while not self._stopping:
            try:
                self._conveyor.turn([self._wake_read])
                delay = FIRST_BACKOFF
            except BrokerUnavailable as error:
                logger.warning("%s Trying again in %.1f s; nothing is lost.", error, delay)
                delay = self._back_off(delay)
            except Exception:
                logger.exception("The conveyor broke, and is started anew; nothing is lost.")
                delay = self._back_off(delay)
        self._end()

    def _back_off(self, delay: float) -> float:
        ready([self._wake_read], random.uniform(delay / 2, delay))
        return min(2 * delay, LONGEST_BACKOFF)

    def _end(self) -> None:
        self._conveyor.close()
        self._wake_read.close()
        self._wake_write.close()
