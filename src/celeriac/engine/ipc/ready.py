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
    return select.select(sources, [], [], seconds)[0]
