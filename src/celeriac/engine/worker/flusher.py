"""What a child does beside a long body: settles what ended before it, writes progress, leaves with its master.

One thread with a broker connection of its own. While the child is idle it sleeps; while jobs run it looks 20 times a second,
which costs the main thread nothing that can be measured.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from celeriac.engine.errors import CeleriacError
from celeriac.engine.job import Token
from celeriac.engine.worker.completer import Completer

logger = logging.getLogger("celeriac.worker")
TICK = 0.05
PATIENCE = 3.0


class Flusher:
    """Owned by the child; ``_reports`` is shared between threads that report and the flusher's own, under ``_lock``."""

    def __init__(self, broker: Any, completer: Completer) -> None:
        self._broker = broker
        self._completer = completer
        self._reports: dict[Token, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._parent = os.getppid()
        self.working = False
        self._thread = threading.Thread(target=self._run, name="celeriac-flusher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def watch(self) -> None:
        """Jobs run now: look after them until ``rest``."""
        self.working = True
        if not self._wake.is_set():
            self._wake.set()

    def rest(self) -> None:
        """Nothing runs."""
        self.working = False

    def report(self, token: Token, progress: dict[str, Any]) -> None:
        """Write a job's progress soon; a newer report replaces one that is not written yet."""
        with self._lock:
            self._reports[token] = progress
        self._wake.set()

    def stop(self) -> None:
        """Write what is left and end the thread."""
        self._stopping = True
        self._wake.set()
        self._thread.join(PATIENCE)

    def flush(self) -> None:
        """Write reports now. An error is logged and costs this report only: the next one replaces it anyway."""
        with self._lock:
            reports, self._reports = self._reports, {}
        for token, progress in reports.items():
            self._broker.report(token, progress)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(timeout=None if not self.working else TICK)
            self._wake.clear()
            if os.getppid() != self._parent:
                os._exit(1)  # where the kernel does not kill us with our parent (not Linux), we notice
            self._tick()
        self._tick()
        self._broker.close()

    def _tick(self) -> None:
        try:
            self.flush()
            if self._late():
                self._completer.settle(self._broker)
        except CeleriacError as error:
            logger.warning("%s The outcomes are kept and written later.", error)
            threading.Event().wait(0.5)

    def _late(self) -> bool:
        return len(self._completer) > 0 and self._completer.age() > TICK
