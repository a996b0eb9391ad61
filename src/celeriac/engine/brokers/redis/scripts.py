"""The server-side scripts: one ``.lua`` file each, sent once and called by their digest."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

PARTS = "common, arrivals, claims, pushing, jobs"
"""What a script is made of that does not say itself: to define what it never calls costs a small one more than its work."""


@cache
def source(name: str) -> str:
    """Return a script's text: the parts that its first line names, then its own."""
    own = _text(name)
    made_of = re.match("-- Made of: (.*)", own)
    parts = (made_of[1] if made_of else PARTS).split(", ")
    return "\n".join([*map(_text, parts), own])


def _text(name: str) -> str:
    return (files(__package__) / "lua" / f"{name}.lua").read_text("utf-8")


@cache
def digest(name: str) -> str:
    """Return what a server calls a script that it knows."""
    return sha1(source(name).encode(), usedforsecurity=False).hexdigest()


class Scripts:
    """Calls scripts with the namespace's prefix as their only key."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def call(self, ask: Callable[..., Any], name: str, *arguments: Any) -> Any:
        """Run one script. A server that has forgotten it, after a restart or a failover, is told again."""
        try:
            return ask("EVALSHA", digest(name), 1, self._prefix, *arguments)
        except NoScriptError:
            return ask("EVAL", source(name), 1, self._prefix, *arguments)
