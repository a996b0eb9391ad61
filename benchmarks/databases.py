"""Databases of their own for the benchmarks."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celeriac.testing.mariadb import MariaDBServer
from celeriac.testing.servers import PostgresServer
from celeriac.testing.valkey import ValkeyServer

WAL = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
ENGINES = ("sqlite", "postgres", "mariadb", "valkey")


@contextmanager
def database(engine: str) -> Iterator[None]:
    """Make a database and name it in the environment, for this process and the workers it starts."""
    if engine == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            options = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": WAL}
            name = str(Path(folder) / "benchmark.sqlite3")
            _announce({"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": options})
            yield
    elif engine == "valkey":
        with ValkeyServer() as server, database("sqlite"):
            os.environ["CELERIAC_BENCHMARK_BROKER"] = server.url()
            yield
    elif engine == "mariadb":
        with MariaDBServer() as server:
            server.create("benchmark")
            _announce({**server.params, "HOST": str(server.socket), "PORT": "", "NAME": "benchmark"})
            yield
    else:
        with PostgresServer() as server:
            params = server.params
            place = {"HOST": params["host"], "PORT": str(params["port"]), "USER": params["user"]}
            _announce({"ENGINE": "django.db.backends.postgresql", "NAME": params["dbname"], **place})
            yield


def _announce(settings: dict[str, Any]) -> None:
    os.environ["CELERIAC_BENCHMARK_DATABASE"] = json.dumps(settings)
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
