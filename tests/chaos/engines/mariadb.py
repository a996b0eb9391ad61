"""MariaDB, which writes each COMMIT to the disk. It runs out of connections before it runs out of memory."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from celeriac.testing.mariadb import MariaDBServer
from tests.chaos.database import Settings, mariadb_settings, use_mysql_driver
from tests.chaos.engines.base import Server, ServerEngine
from tests.chaos.engines.hoard import hoarded
from tests.proxy import Place

CONNECTIONS = "40"
"""Enough for the workers of a run, and few enough to be taken in a moment."""
OURS = "mysql"
"""The database that the hoard is connected to, and nobody else."""

FORGETS_THE_GONE = {"init_command": "set session idle_transaction_timeout = 10"}
"""For the transactions of bodies, as docs/mysql.md says: else the server keeps what a vanished client had locked."""


class MariaDB(ServerEngine):
    """A server of its own, or one that is given; each run has a database on it."""

    name = "mariadb"

    def new_server(self) -> Server:
        return MariaDBServer({"max-connections": CONNECTIONS})

    def settings(self, run: str, folder: Path) -> Settings:
        assert isinstance(self.server, MariaDBServer)
        return mariadb_settings(self.server, run)

    def place(self) -> Place:
        assert isinstance(self.server, MariaDBServer)
        return self.server.params["HOST"], int(self.server.params["PORT"])

    def behind(self, settings: Settings, port: int) -> Settings:
        return {**settings, "HOST": "127.0.0.1", "PORT": str(port), "OPTIONS": FORGETS_THE_GONE}

    def exhausted(self) -> AbstractContextManager[None]:
        use_mysql_driver()
        import MySQLdb  # an extra, and one of two drivers that go by this name

        assert isinstance(self.server, MariaDBServer)
        socket = str(self.server.socket)

        def connect() -> Any:
            return MySQLdb.connect(unix_socket=socket, user="root", database=OURS)

        def end_others(connection: Any) -> None:
            cursor = connection.cursor()
            cursor.execute("select id from information_schema.processlist where db <> %s", (OURS,))
            for (number,) in cursor.fetchall():
                cursor.execute(f"kill soft {number}")

        return hoarded(connect, end_others, MySQLdb.OperationalError)
