"""Firing what is due of the periodic tasks: a thread beside the keeper, with a connection of its own.

Any number of tickers may run: each tick and its job are written in one transaction (invariant 10). So there is no leader, and
nothing to take over when one of them dies. A database that hangs keeps no keeper from renewing its lease.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from celeriac.engine.errors import BrokerUnavailable

logger = logging.getLogger("celeriac.ticker")

LOOK_EVERY = 1.0
"""Seconds after which a change of the table has taken effect."""
BATCH = 500
LONGEST_BACKOFF = 30.0
PATIENCE = 5.0
"""Seconds that a stop waits for a batch on its way."""


class Agenda(Protocol):
    """The periodic tasks, for one thread."""

    def fire(self, limit: int) -> float | None:
        """Fire what is due of up to ``limit`` periodic tasks.

        Returns the seconds until the next is due, or None for never. Raises ``BrokerUnavailable``.
        """

    def close(self) -> None:
        """Let go of every connection."""


@contextmanager
def ticking(agenda: Agenda | None) -> Iterator[None]:
    """Fire what is due for the time of a ``with`` block."""
    if agenda is None:
        yield
        return
    ticker = Ticker(agenda)
    ticker.start()
    try:
        yield
    finally:
        ticker.stop()


class Ticker:
    """The thread."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="celeriac-ticker", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the batch that is on its way."""
        self._stopped.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        pause = failed = 0.0
        while not self._stopped.wait(pause):
            try:
                pause, failed = self._look(), 0.0
            except BrokerUnavailable as error:
                pause = failed = min(2 * failed + LOOK_EVERY, LONGEST_BACKOFF)
                logger.warning("%s Looking for what is due again in %.0f s; no tick is lost.", error, pause)
            except Exception:
                pause = failed = min(2 * failed + LOOK_EVERY, LONGEST_BACKOFF)
                logger.exception("The periodic tasks cannot be looked at. Trying again in %.0f s.", pause)
        self._agenda.close()

    def _look(self) -> float:
        until = self._agenda.fire(BATCH)
        return LOOK_EVERY if until is None else min(until, LOOK_EVERY)
