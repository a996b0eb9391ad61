"""Bringing jobs to the worker's store, which keeps the lease, from a broker that only carries them."""

from __future__ import annotations

import socket
from typing import Any

from celeriac.engine.sidethread import SideThread


class ConveyorThread(SideThread):
    """The thread. The conveyor is its own, and waits for messages in its turn."""

    name = "conveyor"
    duty = "Bringing jobs in from the broker"
    first_backoff = 0.05
    longest_backoff = 1.0

    def __init__(self, conveyor: Any) -> None:
        super().__init__()
        self._conveyor = conveyor
        self._wake_read, self._wake_write = socket.socketpair()  # Windows cannot wait for a pipe

    def stop(self) -> None:
        """End. What has not been brought in is another worker's."""
        self._stopped.set()
        self._wake_write.send(b"\x01")
        super().stop()

    def _turn(self) -> float:
        self._conveyor.turn([self._wake_read])
        return 0.0

    def _leave(self) -> None:
        self._conveyor.close()
        self._wake_read.close()
        self._wake_write.close()
