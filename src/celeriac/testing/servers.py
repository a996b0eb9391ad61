"""The names under which tests know servers in general and PostgreSQL's. Other servers have modules of their own name."""

from __future__ import annotations

from celeriac.testing.postgres import MISSING, PORT, WHEEL, PostgresServer, postgres_home
from celeriac.testing.serverprocess import (
    ServerFailed,
    ServerProcess,
    free_port,
    require,
    short_temporary_folder,
    unprivileged_user,
)

__all__ = [
    "MISSING",
    "PORT",
    "WHEEL",
    "PostgresServer",
    "ServerFailed",
    "ServerProcess",
    "free_port",
    "postgres_home",
    "require",
    "short_temporary_folder",
    "unprivileged_user",
]
