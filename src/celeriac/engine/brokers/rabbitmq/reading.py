"""Reading ahead: py-amqp asks the system for each frame in three parts, which is half of what a small message costs.

What one of its transports has in ``_read_buffer`` it takes from there first, so it may be given more than it asks for.
"""

from __future__ import annotations

from typing import Any

AHEAD = 8 * 1024
"""Bytes: what is read ahead is copied with each part that is taken from it, so more would be slower again."""


def read_ahead(transport: Any) -> None:
    """Have a transport read whatever has arrived."""
    receive = transport._quick_recv  # py-amqp has no other door
    transport._quick_recv = lambda size: receive(max(size, AHEAD))


def is_ahead(transport: Any) -> bool:
    """Return whether a transport has read something that nobody has taken yet."""
    return bool(transport._read_buffer)
