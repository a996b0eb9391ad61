"""Valkey, told to have each change on its disk before it answers: else a killed server loses what it said it had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from celeriac.testing.valkey import ValkeyServer
from tests.chaos.database import VALKEY, Settings, valkey_settings
from tests.chaos.engines.base import Server, ServerEngine
from tests.proxy import Place

DURABLE = {"appendonly": "yes", "appendfsync": "always"}


class Valkey(ServerEngine):
    """A server of its own, or one that is given; each run has a namespace on it."""

    name = "valkey"
    transactional = False
    commits = False
    notices_silence = 5.0

    def new_server(self) -> Server:
        return ValkeyServer(DURABLE)

    def settings(self, run: str, folder: Path) -> Settings:
        assert isinstance(self.server, ValkeyServer)
        return valkey_settings(self.server, run)

    def place(self) -> Place:
        assert isinstance(self.server, ValkeyServer)
        return str(self.server.socket)

    def behind(self, settings: Settings, port: int) -> Settings:
        _, _, query = str(settings["NAME"]).partition("?")
        return {"ENGINE": VALKEY, "NAME": f"redis://127.0.0.1:{port}/0?{query.replace('db=0&', '')}"}

    @contextmanager
    def exhausted(self) -> Iterator[None]:
        assert isinstance(self.server, ValkeyServer)
        client = Redis(unix_socket_path=str(self.server.socket))
        try:
            client.config_set("maxmemory", 1)  # whatever there is, is too much; the policy is noeviction
            yield
        finally:
            client.config_set("maxmemory", 0)
            client.close()
