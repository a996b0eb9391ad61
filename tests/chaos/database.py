"""The database of one run: a SQLite file of its own, or a fresh database on a PostgreSQL or MariaDB server."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connections

from celeriac.testing.mariadb import MariaDBServer
from celeriac.testing.servers import PostgresServer
from celeriac.testing.valkey import ValkeyServer

ALIAS = "chaos"
VALKEY = "valkey"
RABBITMQ = "rabbitmq"
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


def mariadb_settings(server: MariaDBServer, name: str) -> Settings:
    """Create a database on the server and return its settings."""
    use_mysql_driver()
    server.create(name)
    return {**server.params, "NAME": name}


def use_mysql_driver() -> None:
    """Have Django use mysqlclient or, where that is missing or the environment says so, PyMySQL in its place."""
    if os.environ.get("CELERIAC_MYSQL_DRIVER") != "pymysql" and importlib.util.find_spec("MySQLdb") is not None:
        return
    import pymysql  # one of two drivers

    pymysql.install_as_MySQLdb()


def valkey_settings(server: ValkeyServer, namespace: str) -> Settings:
    """Return where jobs are on a Valkey server, in the form of a database's settings: no Django database is used."""
    return {"ENGINE": VALKEY, "NAME": server.url(namespace=namespace)}


def rabbitmq_settings(url: str, store: Settings) -> Settings:
    """Return where jobs are on a RabbitMQ server, with a Django database behind it."""
    return {"ENGINE": RABBITMQ, "NAME": url, "STORE": store}


def django_database(settings: Settings) -> Settings | None:
    """Return the Django database in the settings, or None where there is none."""
    if settings["ENGINE"] == VALKEY:
        return None
    store: Settings = settings["STORE"] if settings["ENGINE"] == RABBITMQ else settings
    return store


def open_broker(settings: Settings, kind: Callable[[type], type] = lambda broker: broker) -> Any:
    """Return an unopened broker on what the settings say. ``kind`` may make a class of its own of the broker's."""
    from celeriac.engine.brokers.sql.broker import SQLBroker  # with Django configured

    if settings["ENGINE"] == VALKEY:
        from celeriac.engine.brokers.redis.broker import RedisBroker  # an extra

        return kind(RedisBroker)(settings["NAME"])
    if settings["ENGINE"] == RABBITMQ:
        from celeriac.engine.brokers.rabbitmq.broker import RabbitBroker  # an extra

        return kind(RabbitBroker)(settings["NAME"], SQLBroker(ALIAS, private=True))
    return kind(SQLBroker)(ALIAS, private=True)


def whole(settings: Settings) -> Settings:
    """Return the settings with every key that Django would fill in."""
    return {
        "ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "TIME_ZONE": None,
        "HOST": "", "PORT": "", "USER": "", "PASSWORD": "", "OPTIONS": {}, "TEST": {}, **settings,
    }  # fmt: skip


@contextmanager
def known(settings: Settings) -> Iterator[str]:
    """Make the database known to Django in this process, with Celeriac's tables in it. Yields its alias."""
    database = django_database(settings)
    if database is None:
        yield ALIAS
        return
    connections.databases[ALIAS] = whole(database)
    try:
        call_command("migrate", "celeriac", database=ALIAS, verbosity=0)
        with connections[ALIAS].cursor() as cursor:
            cursor.execute(EFFECT_TABLE)
        yield ALIAS
    finally:
        connections[ALIAS].close()
        del connections[ALIAS]
        del connections.databases[ALIAS]
