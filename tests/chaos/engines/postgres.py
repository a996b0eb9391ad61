"""PostgreSQL, with fsync as in production. It runs out of connections before it runs out of memory."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from celeriac.testing.servers import PORT, PostgresServer
from tests.chaos.database import Settings, postgres_settings
from tests.chaos.engines.base import Server, ServerEngine
from tests.chaos.engines.hoard import hoarded
from tests.proxy import Place

CONNECTIONS = "40"
"""Enough for the workers of a run, and few enough to be taken in a moment."""
OTHERS = (
    "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and application_name <> %s"
)
OURS = "hoard"

FORGETS_THE_GONE = {"options": "-c idle_in_transaction_session_timeout=10s"}
"""For the transactions of bodies: else the server keeps what a vanished client had locked."""


class Postgres(ServerEngine):
    """A server of its own, or one that is given; each run has a database on it."""

    name = "postgres"
    notices_silence = 11.0

    def new_server(self) -> Server:
        return PostgresServer({"max_connections": CONNECTIONS})

    def settings(self, run: str, folder: Path) -> Settings:
        assert isinstance(self.server, PostgresServer)
        return postgres_settings(self.server, run)

    def place(self) -> Place:
        assert isinstance(self.server, PostgresServer)
        return str(self.server.folder / f".s.PGSQL.{PORT}")

    def behind(self, settings: Settings, port: int) -> Settings:
        return {**settings, "HOST": "127.0.0.1", "PORT": str(port), "OPTIONS": FORGETS_THE_GONE}

    def exhausted(self) -> AbstractContextManager[None]:
        import psycopg  # an extra: only runs on PostgreSQL need it

        assert isinstance(self.server, PostgresServer)
        dsn = self.server.dsn

        def connect() -> Any:
            return psycopg.connect(dsn, autocommit=True, application_name=OURS)

        def end_others(connection: Any) -> None:
            connection.execute(OTHERS, (OURS,))

        return hoarded(connect, end_others, psycopg.OperationalError)
