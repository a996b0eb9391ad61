"""How long the machine itself stood still: what no engine can be blamed for, and no lease outlives."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

LOOK_EVERY = 0.05


class Stalls:
    """Wants to be awake every 50 ms and to have a byte on the disk: how late that was at most, is the longest stall.

    A worker's keeper wants the same to renew its lease. Where the harness itself had to wait nearly as long as a lease, a
    lease that ran out says nothing about the engine.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stalls", daemon=True)
        self.longest = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._enough.set()
        self._thread.join()

    def _watch(self) -> None:
        descriptor = os.open(self._folder / "stalls", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            while not self._enough.is_set():
                begun = time.monotonic()
                self._enough.wait(LOOK_EVERY)
                os.pwrite(descriptor, b".", 0)
                os.fsync(descriptor)
                self.longest = max(self.longest, time.monotonic() - begun - LOOK_EVERY)
        finally:
            os.close(descriptor)
