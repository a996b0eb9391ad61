"""The sign of life of a worker that is one process: a thread gives it as long as the keeper's loop goes round."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celeriac.engine.vitals import EVERY, STALE, Vitals

logger = logging.getLogger("celeriac.worker")

PATIENCE = 5.0
"""Seconds that a stop waits for a sign on its way."""


@contextmanager
def pulse(name: str, last_beat: Callable[[], float], state: Callable[[], str]) -> Iterator[None]:
    """Give signs for the time of a ``with`` block. ``last_beat`` says when the keeper was last there, in monotonic seconds."""
    vitals, over = Vitals(logger.warning), threading.Event()

    def beat() -> None:
        while True:
            if time.monotonic() - last_beat() < STALE:
                vitals.beat(name, state())
            if over.wait(EVERY / 4):
                return

    thread = threading.Thread(target=beat, name="celeriac-pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(PATIENCE)
        vitals.end()
