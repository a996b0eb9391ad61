"""Messages between two processes of a worker: JSON lines over a stream socket, and descriptors beside them.

Each channel has one owner at each end, so there is no lock that a killed process could leave locked.
"""

from __future__ import annotations

import socket
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

Message = dict[str, Any]


class ChannelClosed(Exception):
    """The process at the other end is gone."""


class Channel:
    """One end of a socket pair. Messages are small; a send that cannot finish in 5 s means the other end hangs."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        sock.settimeout(5.0)
        self._buffer = b""
        self.descriptors: list[int] = []

    @classmethod
    def pair(cls) -> tuple[Channel, socket.socket]:
        """Return our end, and the other end to hand to a process."""
        ours, theirs = socket.socketpair()
        return cls(ours), theirs

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self.socket.fileno()

    def send(self, message: Message, descriptors: list[int] | None = None) -> None:
        """Send one message. Raises ``ChannelClosed``."""
        data = _encode(message) + b"\n"
        try:
            if descriptors:
                sent = socket.send_fds(self.socket, [data], descriptors)
                data = data[sent:]
            if data:
                self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, TimeoutError, OSError) as error:
            raise ChannelClosed(str(error)) from error

    def receive(self) -> list[Message]:
        """Return the messages that have arrived; call it when the channel is readable. Raises ``ChannelClosed`` at its end.

        Descriptors that came along are appended to ``descriptors``, in order.
        """
        try:
            data, descriptors, _, _ = socket.recv_fds(self.socket, 65_536, 16)
        except (ConnectionResetError, TimeoutError, OSError) as error:
            raise ChannelClosed(str(error)) from error
        if not data:
            raise ChannelClosed("end of stream")
        self.descriptors += descriptors
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [_decode(line) for line in lines]

    def close(self) -> None:
        """Close our end."""
        self.socket.close()
