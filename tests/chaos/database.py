"""The database of one run: a SQLite file of its own, or a fresh database on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connections

from celeriac.testing.servers import PostgresServer

ALIAS = "chaos"
EFFECT_TABLE = "create table effect (id text, number bigint, child text, delivery int)"
EFFECT = "insert into effect (id, number, child, delivery) values (%s, %s, %s, %s)"
"""What a transactional body leaves behind. No unique constraint: a second effect must be seen, not prevented."""

Settings = dict[str, Any]


def sqlite_settings(path: Path) -> Settings:
    """Return the settings of a SQLite file, as the documentation says to write them."""
    options = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": options}


def postgres_settings(server: PostgresServer, name: str) -> Settings:
    """Create a database on the server and return its settings."""
    import psycopg  # an extra: only runs on PostgreSQL need it

    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"create database {name}")  # a name of our own making
    params = server.params
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": params["user"],
        "HOST": params["host"],
        "PORT": str(params["port"]),
    }


def whole(settings: Settings) -> Settings:
    """Return the settings with every key that Django would fill in."""
    return {
        "ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "TIME_ZONE": None,
        "HOST": "", "PORT": "", "USER": "", "PASSWORD": "", "OPTIONS": {}, "TEST": {}, **settings,
    }  # fmt: skip


@contextmanager
def known(settings: Settings) -> Iterator[str]:
    """Make the database known to Django in this process, with Celeriac's tables in it. Yields its alias."""
    connections.databases[ALIAS] = whole(settings)
    try:
        call_command("migrate", "celeriac", database=ALIAS, verbosity=0)
        with connections[ALIAS].cursor() as cursor:
            cursor.execute(EFFECT_TABLE)
        yield ALIAS
    finally:
        connections[ALIAS].close()
        del connections[ALIAS]
        del connections.databases[ALIAS]
