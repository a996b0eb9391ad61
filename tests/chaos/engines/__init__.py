"""What the runs are played on: each engine says how its server is started, killed, filled and reached."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.engines.base import Engine, ServerEngine
from tests.chaos.engines.mariadb import MariaDB
from tests.chaos.engines.postgres import Postgres
from tests.chaos.engines.rabbitmq import RabbitMQ
from tests.chaos.engines.sqlite import SQLite
from tests.chaos.engines.valkey import Valkey

__all__ = ["ENGINES", "Engine", "ServerEngine"]

ENGINES: dict[str, Callable[[], Engine]] = {
    "sqlite": SQLite,
    "postgres": Postgres,
    "mariadb": MariaDB,
    "valkey": Valkey,
    "rabbitmq": RabbitMQ,
}
