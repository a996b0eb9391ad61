"""Signals as something to wait on: the handlers do nothing, the kernel writes each number to a socket, the loop acts."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterable


class SignalPipe:
    """Owned by the main thread of the process that catches."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        for end in (self._read, self._write):
            end.setblocking(False)

    def catch(self, numbers: Iterable[int]) -> None:
        """From now on write these signals here instead of doing what they do."""
        for number in numbers:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._read.fileno()

    def receive(self) -> bytes:
        """Return the numbers of the signals that have arrived; call it when the pipe is readable."""
        return self._read.recv(4096)

    @staticmethod
    def release() -> None:
        """Write signals here no more."""
        signal.set_wakeup_fd(-1)

    def close(self) -> None:
        """Release, and close both ends: in a fork, which has signals of its own."""
        self.release()
        self._read.close()
        self._write.close()
