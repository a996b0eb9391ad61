"""Waiting until something can be read."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import Any


def ready(sources: Sequence[Any], seconds: float) -> list[Any]:
    """Wait up to ``seconds`` until one of ``sources`` can be read; return those that can. Without any, just wait.

    Sources are sockets and descriptors of sockets: Windows can wait for nothing else, and not for an empty list.
    """
    if not sources:
        time.sleep(seconds)
        return []
    if not hasattr(select, "poll"):
        return select.select(sources, [], [], seconds)[0]
    poll = select.poll()  # which, unlike select, knows descriptors over 1023: a web server's process may have as many
    for source in sources:
        poll.register(source, select.POLLIN)
    readable = {descriptor for descriptor, _event in poll.poll(seconds * 1000)}
    return [source for source in sources if (source if isinstance(source, int) else source.fileno()) in readable]
