"""A server that is too old, as far as a client can see that before it is refused: none of that age can be had for a test."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType
from typing import Self, cast


class OldServer(socketserver.ThreadingTCPServer):
    """Speaks as much of Redis' protocol as tells its version. Listens while a ``with`` block lasts."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, version: str) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.version = version

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server_address[1]}/0"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.shutdown()
        self.server_close()


class Session(socketserver.StreamRequestHandler):
    """One client's connection."""

    def handle(self) -> None:
        while command := self._command():
            self.wfile.write(self._answer(command))

    def _command(self) -> list[str]:
        """Read one command: ``*2``, ``$4``, ``INFO``, ..."""
        head = self.rfile.readline()
        if not head:
            return []
        words = []
        for _ in range(int(head[1:])):
            size = int(self.rfile.readline()[1:])
            words.append(self.rfile.read(size + 2)[:-2].decode())
        return words

    def _answer(self, command: list[str]) -> bytes:
        if command[0].upper() == "INFO":
            version = cast("OldServer", self.server).version
            text = f"# Server\r\nredis_version:{version}\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"
            return f"${len(text)}\r\n{text}\r\n".encode()
        if command[0].upper() in {"PING", "SELECT", "AUTH"}:
            return b"+OK\r\n"
        return f"-ERR unknown command `{command[0]}`, with args beginning with: \r\n".encode()
