"""RabbitMQ, with a SQLite file as the store behind it: so whatever goes wrong, goes wrong on the way into that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from celeriac.testing.rabbitmq import RabbitServer
from tests.chaos.database import Settings, rabbitmq_settings, sqlite_settings
from tests.chaos.engines.base import Server, ServerEngine
from tests.proxy import Place

WATERMARK = "0.4"
"""RabbitMQ's default: the part of the memory above which it takes nothing more from those who publish."""


class RabbitMQ(ServerEngine):
    """A server of its own, or one that is given; each run has queues with a prefix of its own."""

    name = "rabbitmq"
    transactional = False
    notices_silence = 30.0  # the server looks at each heartbeat, believes the second silence, and only then delivers again

    def new_server(self) -> Server:
        return RabbitServer()

    def settings(self, run: str, folder: Path) -> Settings:
        assert isinstance(self.server, RabbitServer)
        return rabbitmq_settings(self.server.url(prefix=f"{run}."), sqlite_settings(folder / "jobs.sqlite3"))

    def place(self) -> Place:
        assert isinstance(self.server, RabbitServer)
        return "127.0.0.1", self.server.port

    def behind(self, settings: Settings, port: int) -> Settings:
        url = urlsplit(settings["NAME"])
        return {**settings, "NAME": url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{port}").geturl()}

    @contextmanager
    def exhausted(self) -> Iterator[None]:
        assert isinstance(self.server, RabbitServer)
        self.server.control("set_vm_memory_high_watermark", "0.0001")
        try:
            yield
        finally:
            self.server.control("set_vm_memory_high_watermark", WATERMARK)
