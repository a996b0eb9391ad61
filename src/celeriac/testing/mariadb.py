"""A real MariaDB server for tests, from the system's packages: ``apt-get install mariadb-server`` (or ``make services``)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from celeriac.testing.servers import ServerFailed, short_temporary_folder, unprivileged_user

PACKAGE = "mariadb-server"
MISSING = f"MariaDB's server is missing. Install it with 'make services', or with the system's package {PACKAGE}."
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin")


def mariadb_program(name: str = "mariadbd") -> str | None:
    """Return the path of one of MariaDB's programs, also where the folder is not on the PATH; None where it is missing."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(_PLACES))


class MariaDBServer:
    """A MariaDB server of one's own: data and Unix socket in a temporary folder, a free port on loopback, no password.

    As root it runs as an unprivileged user who owns the folder. It writes each COMMIT to the disk, as in production. Each wait
    is bounded by ``patience`` seconds and ends in ``ServerFailed``.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, patience: float = 60.0) -> None:
        program, installer = mariadb_program(), mariadb_program("mariadb-install-db")
        if program is None or installer is None:
            raise ServerFailed(MISSING)
        self._program, self._installer = program, installer
        self._settings = {
            "innodb-buffer-pool-size": "64M", "innodb-log-file-size": "48M", "max-connections": "200",
            "max-allowed-packet": "64M", "innodb-flush-log-at-trx-commit": "1", **(settings or {}),
        }  # fmt: skip
        self._patience = patience
        self._owner = unprivileged_user() if os.geteuid() == 0 else None
        self._port = 0
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
    def socket(self) -> Path:
        """The Unix socket it listens on."""
        return self.folder / "sock"

    @property
    def params(self) -> dict[str, str]:
        """What Django's DATABASES needs to reach it through its port, but for NAME."""
        return {"ENGINE": "django.db.backends.mysql", "HOST": "127.0.0.1", "PORT": str(self._port), "USER": "root"}

    @property
    def pid(self) -> int | None:
        """The process id, or None while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def create(self, database: str, characters: str = "utf8mb4") -> None:
        """Create a database, with the character set that its tables have by default."""
        client = mariadb_program("mariadb")
        if client is None:
            raise ServerFailed(MISSING)
        statement = f"create database `{database}` character set {characters}"
        self._run(client, "--no-defaults", f"--socket={self.socket}", "--user=root", f"--execute={statement}")

    # -- starting and stopping ---------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start, empty the first time. Returns once connections are accepted."""
        if self._folder is None:
            self._install()
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
        """Kill the process and keep the data: every connection breaks, as when the machine under it goes down."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(self._patience)

    def restart(self) -> None:
        """Interrupt, then start on the same data: an outage. Returns once connections are accepted again."""
        self.interrupt()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # -- how ---------------------------------------------------------------------------------------------------------------

    def _install(self) -> None:
        # Directly under the system's folder: the path of a Unix socket must stay under some 100 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="celeriac-maria-", dir=short_temporary_folder()))
        if self._owner is not None:
            os.chown(self._folder, *self._owner)
        self._port = _free_port()
        try:
            self._run(
                self._installer, "--no-defaults", f"--datadir={self._data}", "--auth-root-authentication-method=normal",
                "--skip-test-db", "--skip-name-resolve", "--skip-log-bin",
            )  # fmt: skip
        except BaseException:
            self.stop()
            raise

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _as_owner(self) -> dict[str, Any]:
        common: dict[str, Any] = {"cwd": str(self.folder), "env": {**os.environ, "LC_ALL": "C", "HOME": str(self.folder)}}
        if self._owner is not None:
            common.update(user=self._owner[0], group=self._owner[1], extra_groups=[])
        return common

    def _run(self, program: str, *arguments: str) -> None:
        with self._log.open("ab") as log:
            ended = subprocess.run(
                [program, *arguments],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, timeout=self._patience, check=False, **self._as_owner(),
            )  # fmt: skip
        if ended.returncode:
            raise self._failed(f"{Path(program).name} ended with {ended.returncode}")

    def _launch(self) -> None:
        places = {
            "datadir": str(self._data), "socket": str(self.socket), "bind-address": "127.0.0.1", "port": str(self._port),
            "pid-file": str(self.folder / "pid"), "tmpdir": str(self.folder),
        }  # fmt: skip
        options = [f"--{name}={value}" for name, value in {**places, **self._settings}.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "--no-defaults", "--skip-name-resolve", *options],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, **self._as_owner(),
            )  # fmt: skip
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._patience
        while not self._greets():
            if process.poll() is not None:
                raise self._failed(f"mariadbd ended with {process.returncode}")
            if time.monotonic() > deadline:
                self.interrupt()
                raise self._failed(f"mariadbd was not ready after {self._patience:g} s")
            time.sleep(0.02)

    def _greets(self) -> bool:
        """Return whether the server speaks first, as it does to each client: no driver needed."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1.0) as probe:
                return len(probe.recv(5)) == 5
        except OSError:
            return False

    def _failed(self, what: str) -> ServerFailed:
        log = self._log.read_text(errors="replace") if self._log.exists() else ""
        return ServerFailed(f"{what}. The end of its log:\n{log[-2_000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
