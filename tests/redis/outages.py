"""What can befall a server, really done to one: how it begins, how it ends, and what is said meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from celeriac.testing.servers import free_port
from tests.redis.conftest import Server

PATIENCE = 20.0
KEYS = 1_000
"""Others' keys in a server that takes its time to load them."""


@dataclass(frozen=True)
class Outage:
    """One way in which a server takes no writes for a while. ``says`` is a pattern of what people read."""

    says: str
    begin: Callable[[Server], None]
    end: Callable[[Server], None]


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.01)


def setting(name: str, value: str, usually: str) -> dict[str, Callable[[Server], None]]:
    return {
        "begin": lambda server: server.admin.config_set(name, value),
        "end": lambda server: server.admin.config_set(name, usually),
    }


def becomes_a_replica(server: Server) -> None:
    server.admin.replicaof("127.0.0.1", str(free_port()))


def becomes_a_master(server: Server) -> None:
    server.admin.replicaof("NO", "ONE")


def loses_its_disk(server: Server) -> None:
    """Let a snapshot fail, and the server know it: its folder is gone, as when a volume is unmounted."""
    gone = server.valkey.folder / "gone"
    gone.mkdir()
    server.admin.config_set("dir", str(gone))
    server.admin.config_set("save", "3600 1")
    gone.rmdir()
    server.admin.bgsave()
    until(lambda: server.admin.info("persistence")["rdb_last_bgsave_status"] == "err", "the snapshot to fail")


def has_its_disk_back(server: Server) -> None:
    server.admin.config_set("dir", str(server.valkey.folder))
    server.admin.bgsave()
    until(lambda: server.admin.info("persistence")["rdb_last_bgsave_status"] == "ok", "the snapshot to succeed")


def is_killed(server: Server) -> None:
    server.valkey.interrupt()


def is_started(server: Server) -> None:
    server.valkey.start()


def loads(server: Server) -> None:
    """Be killed, and take about a second to load what was kept."""
    server.admin.mset({f"other:{number}": os.urandom(2_000) for number in range(KEYS)})
    server.admin.bgrewriteaof()
    until(lambda: not server.is_rewriting(), "the file to be rewritten")
    server.valkey.interrupt()
    server.valkey.settings["key-load-delay"] = "1000"  # microseconds a key
    server.valkey.launch()
    until(lambda: server.says().startswith(b"-LOADING"), "it to load")


def has_loaded(server: Server) -> None:
    server.valkey.wait_until_ready()


OUTAGES = {
    "OOM": Outage("its memory is full", **setting("maxmemory", "1mb", "0")),
    "NOREPLICAS": Outage("too few replicas", **setting("min-replicas-to-write", "1", "0")),
    "READONLY": Outage("a replica that takes no writes", becomes_a_replica, becomes_a_master),
    "MISCONF": Outage("it cannot write to its disk", loses_its_disk, has_its_disk_back),
    "LOADING": Outage("it is still loading its data", loads, has_loaded),
    "killed": Outage("nothing listens there|the connection failed", is_killed, is_started),
}
