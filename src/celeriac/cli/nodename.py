"""The worker's name, and the names of files made of it: Celery's %h, %n, %d, %p and %i."""

from __future__ import annotations

import socket
from pathlib import Path

DEFAULT = "celeriac@%h"


def node_name(given: str | None) -> str:
    """Return the worker's name: Celery's ``name@host``, with %h, %n and %d filled in."""
    host = socket.gethostname()
    name, _, domain = host.partition(".")
    text = (given or DEFAULT).replace("%h", host).replace("%n", name).replace("%d", domain)
    return text if "@" in text else f"{text}@{host}"


def file_of(pattern: str, node: str) -> Path:
    """Return the path of a file of the worker ``node``.

    %n is the part of its name before the @, %h the part after it, %d the domain in that, %p the whole. All processes of a
    worker share one file, so %i, in Celery the number of a process, is 0, and %I nothing.
    """
    name, _, host = node.partition("@")
    parts = {"%n": name, "%h": host, "%d": host.partition(".")[2], "%p": node, "%i": "0", "%I": ""}
    for sign, text in parts.items():
        pattern = pattern.replace(sign, text)
    return Path(pattern)
