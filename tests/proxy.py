"""A TCP proxy that stands between a client and a real server, and does to connections what networks do."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK = 65_536
Place = tuple[str, int] | str
"""Host and port, or the path of a Unix socket."""


class Connection:
    """A client's connection and ours to the server.

    ``requests`` and ``replies`` are how many bytes of them may pass until it is cut.
    """

    def __init__(
        self, proxy: Proxy, client: socket.socket, server: socket.socket, requests: int | None, replies: int | None
    ) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self.silent = False
        self.gone = threading.Event()
        for way in ((client, server, requests), (server, client, replies)):
            threading.Thread(target=self._pump, args=way, daemon=True, name="proxy-pump").start()

    def close(self) -> None:
        """Close both ends, as a network device does that forgot the connection."""
        self.gone.set()
        for end in (self._client, self._server):
            with suppress(OSError):  # it was closed by its own side
                end.shutdown(socket.SHUT_RDWR)

    def _pump(self, source: socket.socket, target: socket.socket, allowance: int | None) -> None:
        """Forward one way until either side ends it. A byte read while the network stands still waits with it."""
        with suppress(OSError):
            while (data := source.recv(CHUNK)) and self._may_pass():
                target.sendall(data[:allowance])
                if allowance is not None:
                    allowance -= len(data)
                    if allowance < 0:
                        break
        if not self.silent:
            self.close()
            self._proxy.forget(self)
        source.close()

    def _may_pass(self) -> bool:
        self.gone.wait(self._proxy.delay)
        while not self._proxy.flowing.wait(0.05) and not self.gone.is_set():
            pass
        if self.silent:
            self.gone.wait()
        return not self.gone.is_set()


class Proxy:
    """Listens on a free port of loopback and forwards to ``target``. What ``seed`` decides is the same in each run.

    ``delay`` is how many seconds each piece of data is held up, either way.
    """

    def __init__(self, target: Place, seed: int = 0) -> None:
        self.delay = 0.0
        self.flowing = threading.Event()
        self.flowing.set()
        self.target = target
        self._chance = random.Random(seed)
        self._bytes: tuple[int, int] | None = None
        self._changing = threading.Lock()
        self._connections: set[Connection] = set()
        self._listener: socket.socket | None = None
        self.port = 0
        self.accept()

    @property
    def connections(self) -> int:
        """How many connections it keeps now."""
        return len(self._connections)

    # -- what may happen ---------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Cut every connection now. New ones work."""
        for connection in self._taken():
            connection.close()

    def cut_after(self, least: int, most: int) -> None:
        """Cut each connection that is made from now on after a random number of bytes of requests, or else of replies."""
        self._bytes = least, most

    def cut_no_more(self) -> None:
        """Let the connections that are made from now on live."""
        self._bytes = None

    def stall(self) -> None:
        """Forward nothing more and close nothing; connections are still taken. What is sent meanwhile waits for ``resume``."""
        self.flowing.clear()

    def resume(self) -> None:
        """Forward again, first what has waited."""
        self.flowing.set()

    def silence(self) -> None:
        """Leave the connections of now half-open: nothing passes them any more, and neither side is told. New ones work."""
        with self._changing:
            for connection in self._connections:
                connection.silent = True

    def refuse(self) -> None:
        """Refuse new connections, as a host where nothing listens. Those of now live on."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # which wakes the thread that accepts
            listener.close()

    def accept(self) -> None:
        """Take new connections again, on the same port."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self.port = int(self._listener.getsockname()[1])
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True, name="proxy").start()

    def close(self) -> None:
        """Refuse and cut, for good."""
        self.refuse()
        self.cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # -- how ---------------------------------------------------------------------------------------------------------------

    def forget(self, connection: Connection) -> None:
        """A connection is over. Called by its own threads."""
        with self._changing:
            self._connections.discard(connection)

    def _taken(self) -> set[Connection]:
        with self._changing:
            taken, self._connections = self._connections, set()
        return taken

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _place = listener.accept()
                self._connect(client)

    def _allowances(self) -> tuple[int | None, int | None]:
        """Choose after how many bytes to cut a connection, and which way: a cut reply is to what the server has done."""
        if self._bytes is None:
            return None, None
        allowance = self._chance.randint(*self._bytes)
        return (allowance, None) if self._chance.random() < 0.5 else (None, allowance)

    def _connect(self, client: socket.socket) -> None:
        requests, replies = self._allowances()
        try:
            server = _reach(self.target)
        except OSError:
            client.close()  # as a load balancer does when the server behind it is away
            return
        with self._changing:
            self._connections.add(Connection(self, client, server, requests, replies))


def _reach(place: Place) -> socket.socket:
    if not isinstance(place, str):
        return socket.create_connection(place, timeout=None)
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(place)
    except OSError:
        server.close()
        raise
    return server
