"""A Valkey server for tests that change what it is like, and restart it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis

from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.testing.servers import free_port
from celeriac.testing.valkey import ValkeyServer, require_valkey


class Server:
    """The server, a client that may do everything, and the URL of its port."""

    def __init__(self, valkey: ValkeyServer, port: int) -> None:
        self.valkey = valkey
        self.port = port
        self.admin = redis.Redis(unix_socket_path=str(valkey.socket))

    def url(self, login: str = "", database: object = 0) -> str:
        return f"redis://{login}127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="module")
def module_server() -> Iterator[Server]:
    require_valkey()
    port = free_port()
    with ValkeyServer({"port": str(port), "bind": "127.0.0.1", "appendfsync": "always"}) as valkey:
        yield Server(valkey, port)


@pytest.fixture
def server(module_server: Server) -> Iterator[Server]:
    """An empty server as it was started, whatever the test before has set."""
    admin = module_server.admin
    admin.flushall()
    yield module_server
    module_server.valkey.start()
    admin.replicaof("NO", "ONE")
    for name, value in {
        "maxmemory": "0", "maxmemory-policy": "noeviction", "appendonly": "yes", "save": "", "min-replicas-to-write": "0",
        "requirepass": "",
    }.items():  # fmt: skip
        admin.config_set(name, value)
    while any(admin.info("persistence")[f"aof_rewrite_{state}"] for state in ("scheduled", "in_progress")):
        time.sleep(0.01)  # before its end a kill would lose what was written since the setting


@pytest.fixture
def broker(server: Server) -> Iterator[RedisBroker]:
    broker = RedisBroker(server.url())
    yield broker
    broker.close()
