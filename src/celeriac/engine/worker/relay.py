"""Sending what the outbox still holds, by one worker at a time.

A thread beside the keeper, with connections of its own: a database that hangs must not keep the keeper from renewing the
lease, which is kept elsewhere.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.worker.project import Outbox, Project

logger = logging.getLogger("celeriac.keeper")

EVERY = 1.0
LEAD = 5.0
"""Seconds after which another worker takes over from one that has died."""
LONGEST_BACKOFF = 30.0
PATIENCE = 5.0
"""Seconds that a stop waits for a batch on its way."""


@contextmanager
def relaying(project: Project, holder: str) -> Iterator[None]:
    """Send what the outbox holds for the time of a ``with`` block, where the project has one."""
    outbox = project.outbox()
    if outbox is None:
        yield
        return
    relay = Relay(project.connect(), holder, outbox)
    relay.start()
    try:
        yield
    finally:
        relay.stop()


class Relay:
    """The thread. ``broker`` is its own; ``holder`` is the worker's id."""

    def __init__(self, broker: Any, holder: str, outbox: Outbox) -> None:
        self._broker = broker
        self._leader = broker.leader("outbox")
        self._holder = holder
        self._outbox = outbox
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="celeriac-relay", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and let somebody else lead at once."""
        self._stopped.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            try:
                self._relay()
                pause = EVERY
            except BrokerUnavailable as error:
                pause = min(2 * pause + EVERY, LONGEST_BACKOFF)
                logger.warning("%s Trying again in %.0f s; nothing is lost.", error, pause)
            except Exception:
                pause = min(2 * pause + EVERY, LONGEST_BACKOFF)
                logger.exception("Sending what the outbox holds broke; trying again in %.0f s.", pause)
        self._leave()

    def _relay(self) -> None:
        if not self._leader.acquire(self._holder, LEAD):
            return
        sent = self._outbox.send(self._broker.push)
        if sent:
            logger.warning(
                "Jobs sent from the outbox, where a process that ended too soon or an outage had left them: %d.", sent
            )

    def _leave(self) -> None:
        try:
            self._leader.release(self._holder)
        except BrokerUnavailable as error:
            logger.info("%s Another worker sends what the outbox holds a little later.", error)
        self._outbox.close()
        self._broker.close()
