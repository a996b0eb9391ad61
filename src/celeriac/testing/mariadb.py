"""A real MariaDB server for tests, from the system's packages: ``apt-get install mariadb-server`` (or ``make services``)."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from celeriac.testing.serverprocess import ServerFailed, ServerProcess, free_port, require, unprivileged_user

PACKAGE = "mariadb-server"
MISSING = f"MariaDB's server is missing. Install it with 'make services', or with the system's package {PACKAGE}."
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin")


def mariadb_program(name: str = "mariadbd") -> str | None:
    """Return the path of one of MariaDB's programs, also where the folder is not on the PATH; None where it is missing."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(_PLACES))


def require_mariadb() -> None:
    """Skip the test where there is no MariaDB; on a build machine, fail."""
    require(mariadb_program(), MISSING)


class MariaDBServer(ServerProcess):
    """A MariaDB server of one's own: data and Unix socket in a temporary folder, a free port on loopback, no password.

    As root it runs as an unprivileged user who owns the folder. It writes each COMMIT to the disk, as in production.
    """

    name = "mariadbd"
    folder_prefix = "celeriac-maria-"

    def __init__(self, settings: Mapping[str, str] | None = None, patience: float = 60.0) -> None:
        super().__init__(patience, unprivileged_user())
        program, installer = mariadb_program(), mariadb_program("mariadb-install-db")
        if program is None or installer is None:
            raise ServerFailed(MISSING)
        self._program, self._installer = program, installer
        self._settings = {
            "innodb-buffer-pool-size": "64M", "innodb-log-file-size": "48M", "max-connections": "200",
            "max-allowed-packet": "64M", "innodb-flush-log-at-trx-commit": "1", **(settings or {}),
        }  # fmt: skip
        self._port = 0

    @property
    def socket(self) -> Path:
        """The Unix socket it listens on."""
        return self.folder / "sock"

    @property
    def params(self) -> dict[str, str]:
        """What Django's DATABASES needs to reach it through its port, but for NAME."""
        return {"ENGINE": "django.db.backends.mysql", "HOST": "127.0.0.1", "PORT": str(self._port), "USER": "root"}

    def create(self, database: str, characters: str = "utf8mb4") -> None:
        """Create a database, with the character set that its tables have by default."""
        client = mariadb_program("mariadb")
        if client is None:
            raise ServerFailed(MISSING)
        statement = f"create database `{database}` character set {characters}"
        self._run(client, "--no-defaults", f"--socket={self.socket}", "--user=root", f"--execute={statement}")

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _install(self) -> None:
        self._port = free_port()
        self._run(
            self._installer, "--no-defaults", f"--datadir={self._data}", "--auth-root-authentication-method=normal",
            "--skip-test-db", "--skip-name-resolve", "--skip-log-bin",
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "LC_ALL": "C", "HOME": str(self.folder)}

    def _command(self) -> list[str]:
        places = {
            "datadir": str(self._data), "socket": str(self.socket), "bind-address": "127.0.0.1", "port": str(self._port),
            "pid-file": str(self.folder / "pid"), "tmpdir": str(self.folder),
        }  # fmt: skip
        options = [f"--{name}={value}" for name, value in {**places, **self._settings}.items()]
        return [self._program, "--no-defaults", "--skip-name-resolve", *options]

    def _is_ready(self) -> bool:
        """Return whether the server speaks first, as it does to each client: no driver needed."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1.0) as probe:
                return len(probe.recv(5)) == 5
        except OSError:
            return False
