"""The server-side scripts: one ``.lua`` file each, sent once and called by their digest."""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError


@cache
def source(name: str) -> str:
    """Return a script's text: what all have in common, then its own."""
    folder = files(__package__) / "lua"
    return "\n".join((folder / f"{part}.lua").read_text() for part in ("common", "jobs", name))


@cache
def digest(name: str) -> str:
    """Return what a server calls a script that it knows."""
    return sha1(source(name).encode(), usedforsecurity=False).hexdigest()


class Scripts:
    """Calls scripts with the namespace's prefix as their only key."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def call(self, client: Any, name: str, *arguments: Any) -> Any:
        """Run one script. A server that has forgotten it, after a restart or a failover, is told again."""
        try:
            return client.evalsha(digest(name), 1, self._prefix, *arguments)
        except NoScriptError:
            return client.eval(source(name), 1, self._prefix, *arguments)
