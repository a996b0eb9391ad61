"""Servers of Valkey and of Redis for tests that change what they are like, and restart them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
import redis

from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.testing.redis import RedisServer, require_redis
from celeriac.testing.servers import free_port
from celeriac.testing.valkey import ValkeyServer, require_valkey
from tests.proxy import Proxy


class Server:
    """The server, a client that may do everything, and the URL of its port."""

    def __init__(self, valkey: ValkeyServer, port: int) -> None:
        self.valkey = valkey
        self.port = port
        self.admin = redis.Redis(unix_socket_path=str(valkey.socket))

    def url(self, login: str = "", database: object = 0) -> str:
        return f"redis://{login}127.0.0.1:{self.port}/{database}"

    def is_rewriting(self) -> bool:
        """Whether it writes its log anew: before the end of that a kill would lose what was written since it began."""
        persistence = self.admin.info("persistence")
        return any(persistence[f"aof_rewrite_{state}"] for state in ("scheduled", "in_progress"))

    def says(self) -> bytes:
        """What it answers to a ping, or nothing where it does not listen."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5.0)
            try:
                client.connect(str(self.valkey.socket))
                client.sendall(b"PING\r\n")
                return client.recv(64)
            except ConnectionError:
                return b""


SETTINGS = {
    "bind": "127.0.0.1", "appendfsync": "always", "enable-protected-configs": "yes",
    "loading-process-events-interval-bytes": "1024",
}  # fmt: skip


@pytest.fixture(scope="module", params=["valkey", "redis"])
def module_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    port = free_port()
    settings = {"port": str(port), **SETTINGS}
    if request.param == "valkey":
        require_valkey()
        kind = ValkeyServer(settings)
    else:
        require_redis()
        kind = RedisServer(settings)
    with kind as valkey:
        yield Server(valkey, port)


@pytest.fixture
def server(module_server: Server) -> Iterator[Server]:
    """An empty server as it was started, whatever the test before has set."""
    admin = module_server.admin
    admin.flushall()
    yield module_server
    module_server.valkey.settings.pop("key-load-delay", None)
    module_server.valkey.start()
    admin.replicaof("NO", "ONE")
    admin.config_set("dir", str(module_server.valkey.folder))
    for name, value in {
        "maxmemory": "0", "maxmemory-policy": "noeviction", "appendonly": "yes", "save": "", "min-replicas-to-write": "0",
        "requirepass": "",
    }.items():  # fmt: skip
        admin.config_set(name, value)
    while module_server.is_rewriting():
        time.sleep(0.01)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """What stands between the broker and the server."""
    with Proxy(("127.0.0.1", server.port)) as proxy:
        yield proxy


@pytest.fixture
def broker(server: Server) -> Iterator[RedisBroker]:
    broker = RedisBroker(server.url())
    yield broker
    broker.close()
