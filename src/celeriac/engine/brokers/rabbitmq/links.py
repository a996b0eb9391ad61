"""The idle connections of this process: whoever publishes borrows one, so there are as many as threads publish at once."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from celeriac.engine.brokers.rabbitmq.address import Address
from celeriac.engine.brokers.rabbitmq.link import Link
from celeriac.engine.brokers.rabbitmq.outages import FAULTS

T = TypeVar("T")
HEARTBEAT = 60
"""Seconds. Nobody answers the server's heartbeats while a connection rests, so they are few."""
STALE = 45.0
"""Seconds of rest after which a connection is made anew: soon the server would take it for dead."""


class Links:
    """The connections to one address. Any thread may use it; a forked process begins with none."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._pid = os.getpid()
        self._idle: deque[Link] = deque()  # append and pop are atomic

    def use(self, action: Callable[[Link], T]) -> T:
        """Run ``action`` on a connection; where one from before turns out broken, once more on a new one."""
        link = self._resting()
        if link is not None:
            try:
                return self._run(link, action)
            except FAULTS:
                pass  # it broke while it rested, or the server did; the new one will tell
        return self._run(Link(self._address, HEARTBEAT), action)

    def _run(self, link: Link, action: Callable[[Link], T]) -> T:
        try:
            result = action(link)
        except BaseException:
            link.drop()
            raise
        self._idle.append(link)
        return result

    def _resting(self) -> Link | None:
        if self._pid != os.getpid():  # these sockets are the parent's
            self._idle.clear()
            self._pid = os.getpid()
        while self._idle:
            try:
                link = self._idle.pop()
            except IndexError:
                return None  # another thread was faster
            if time.monotonic() - link.used < STALE:
                return link
            link.drop()
        return None

    def close(self) -> None:
        """Close those that rest."""
        while (link := self._resting()) is not None:
            link.close()
