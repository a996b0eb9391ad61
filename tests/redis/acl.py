"""The user that ``docs/redis.md`` makes: with the rights that Celeriac needs, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from celeriac.testing.valkey import ValkeyServer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "redis.md"
LOGIN = "celeriac:password@"
NEW_IN_7_2 = "+client|setinfo"
CLUSTERS = ("+cluster|slots", "+cluster|shards", "+cluster|nodes", "+command")
"""What the page says that a Cluster needs besides."""


def make_user(admin: redis.Redis, besides: Iterable[str] = ()) -> None:
    """Make the user on a server."""
    (command,) = re.findall("^ACL SETUSER .*$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    words = [*command.split(), *besides]
    if (7, 0) <= version(admin) < (7, 2):
        words.remove(NEW_IN_7_2)  # as the page says
    admin.execute_command(*words)


def version(admin: redis.Redis) -> tuple[int, ...]:
    """Return the version of Redis that the server is, or whose commands it has."""
    return tuple(int(part) for part in str(admin.info("server")["redis_version"]).split(".")[:2])


def refused(admin: redis.Redis) -> list[str]:
    """Return what the user has asked for and may not do."""
    return [f"{entry['reason']} {entry['object']}" for entry in admin.acl_log()]


def administrator(server: ValkeyServer) -> redis.Redis:
    """Return a client that may do everything."""
    return redis.Redis(unix_socket_path=str(server.socket))


@contextmanager
def restricted(server: ValkeyServer) -> Iterator[str]:
    """Start a server and yield its URL for that user. Afterwards, require that nothing was refused."""
    with server, administrator(server) as admin:
        make_user(admin)
        yield server.url().replace("unix://", f"unix://{LOGIN}")
        assert refused(admin) == [], "the page lists all the rights that are needed"
