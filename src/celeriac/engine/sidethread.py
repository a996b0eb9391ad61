"""What the threads beside a keeper have in common: turns, back-off, an end; and for some, that only one worker's is at work.

Each has connections of its own: a server that hangs at one of these duties must not keep the keeper from renewing the lease.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import Any, ClassVar

from celeriac.engine.errors import BrokerUnavailable

PATIENCE = 5.0
"""Seconds that a stop waits for a batch on its way."""
LEAD = 5.0
"""Seconds after which another worker takes over from one that has died."""
LEAD_EVERY = 1.0


class SideThread:
    """Takes turns until it is stopped. A turn that fails is taken again, later and later."""

    name: ClassVar[str]
    duty: ClassVar[str]
    """What it does, for the log: the beginning of a sentence."""
    meanwhile: ClassVar[str] = "Nothing is lost."
    """What is true as long as its turns fail."""
    logger: ClassVar[logging.Logger] = logging.getLogger("celeriac.keeper")
    first_backoff: ClassVar[float] = 1.0
    longest_backoff: ClassVar[float] = 30.0

    def __init__(self) -> None:
        self._backoff = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"celeriac-{self.name}", daemon=True)

    def _turn(self) -> float:
        """Do what there is to do. Returns the seconds until the next turn."""
        raise NotImplementedError

    def _leave(self) -> None:
        """Let go of everything, after the last turn."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the batch that is on its way."""
        self._stopped.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            try:
                pause = self._turn()
                self._backoff = 0.0
            except BrokerUnavailable as error:
                pause = self._later()
                self.logger.warning("%s %s: trying again in %.2g s. %s", error, self.duty, pause, self.meanwhile)
            except Exception:
                pause = self._later()
                self.logger.exception("%s broke; trying again in %.2g s. %s", self.duty, pause, self.meanwhile)
        self._leave()

    def _later(self) -> float:
        self._backoff = min(2 * self._backoff + self.first_backoff, self.longest_backoff)
        return random.uniform(self._backoff / 2, self._backoff)


class LedThread(SideThread):
    """A side thread of which one worker's at a time is at work. ``broker`` is its own; ``holder`` is the worker's id."""

    def __init__(self, broker: Any, holder: str) -> None:
        super().__init__()
        self._broker = broker
        self._leader = broker.leader(self.name)
        self._holder = holder
        self._lead_at = 0.0

    def _leads(self) -> bool:
        """Become or stay the one. Asked again after a second."""
        now = time.monotonic()
        if now >= self._lead_at:
            if not self._leader.acquire(self._holder, LEAD):
                return False
            self._lead_at = now + LEAD_EVERY
        return True

    def _leave(self) -> None:
        """Let another lead at once."""
        try:
            self._leader.release(self._holder)
        except BrokerUnavailable as error:
            self.logger.info("%s %s: another worker takes over a little later.", error, self.duty)
        self._broker.close()
