"""The seam between the runs and the engines: a run asks for what it needs here and knows no engine by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from celeriac.testing.servers import ServerFailed
from tests.chaos.database import Settings
from tests.proxy import Place


class Server(Protocol):
    """What ``celeriac.testing`` starts. ``interrupt`` kills it and keeps its data."""

    def start(self) -> Any:
        """Start, unless it runs. Returns once it answers."""

    def interrupt(self) -> None:
        """Kill it, with its data kept."""

    def stop(self) -> None:
        """End it, and delete its data."""


class Unavailable(RuntimeError):
    """The engine cannot be had on this machine. The message names what is missing, and how to get it."""


class Engine(ABC):
    """One engine, started in a ``with`` statement. One that is a file needs nothing to be started."""

    name = ""
    transactional = True
    """Whether a task's own rows and the end of its job are one transaction: only where both are in one database."""
    commits = True
    """Whether claims and settles are transactions of ours, which begin and COMMIT: two of the named points are there."""

    def __init__(self) -> None:
        self._started = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._started.close()

    @abstractmethod
    def settings(self, run: str, folder: Path) -> Settings:
        """Return where the jobs of one run are: a place that is empty."""


class ServerEngine(Engine):
    """An engine with a server: a process to kill, connections to cut, memory to fill. One that is given is not ended here."""

    notices_silence = 10.0
    """Seconds in which a connection whose other end has gone without a word is given up."""

    def __init__(self, server: Server | None = None) -> None:
        super().__init__()
        self._given = server
        self.server = server

    def __enter__(self) -> Self:
        if self._given is None:
            try:
                self.server = self.new_server()
            except ServerFailed as error:
                raise Unavailable(str(error)) from error
            self._started.callback(self.server.stop)
            self.server.start()
        return self

    def kill(self) -> None:
        """Kill the server with SIGKILL; its data stays."""
        assert self.server is not None
        self.server.interrupt()

    def start(self) -> None:
        """Start the server again on its data. Returns once it answers."""
        assert self.server is not None
        self.server.start()

    @abstractmethod
    def new_server(self) -> Server:
        """Return a server that is not started. Raises ``ServerFailed`` where its programs are missing."""

    @abstractmethod
    def exhausted(self) -> AbstractContextManager[None]:
        """Return a context inside which its memory is used up, or its connections where those are what it runs out of."""

    @abstractmethod
    def place(self) -> Place:
        """Return where the server listens."""

    @abstractmethod
    def behind(self, settings: Settings, port: int) -> Settings:
        """Return the settings of the same place, reached through a proxy at a port of this machine."""
