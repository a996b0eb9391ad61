"""The server-side scripts: one ``.lua`` file each, sent once and called by their digest."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from redis.commands.core import Script
from redis.exceptions import NoScriptError


@cache
def source(name: str) -> str:
    """Return a script's text: what all have in common, then its own."""
    folder = files(__package__) / "lua"
    return "\n".join((folder / f"{part}.lua").read_text() for part in ("common", "jobs", name))


class Scripts:
    """Calls scripts on one client, with the namespace's prefix as their only key."""

    def __init__(self, client: Any, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._known: dict[str, Script] = {}

    def call(self, name: str, *arguments: Any) -> Any:
        """Run one script. A server that has forgotten it, after a restart or a failover, is told again."""
        script = self._known.get(name)
        if script is None:
            script = self._known[name] = self._client.register_script(source(name))
        try:
            return self._client.evalsha(script.sha, 1, self._prefix, *arguments)
        except NoScriptError:
            return self._client.eval(script.script, 1, self._prefix, *arguments)
