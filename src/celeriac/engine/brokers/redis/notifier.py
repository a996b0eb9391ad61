"""Wake-ups by PUBLISH: each idle child listens on a channel of its own, and whatever makes jobs wait picks whom to wake."""

from __future__ import annotations

import select
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celeriac.engine.brokers.redis.broker import RedisBroker


class RedisNotifier:
    """Receives wake-ups on a connection of its own. Used by the thread that owns the broker."""

    poll_every = 1.0

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker
        self._listening: Any = None

    def _listen(self, channel: str) -> None:
        with self._broker.typed():
            if self._listening is None:
                self._listening = self._broker.client.pubsub()
            if channel.encode() not in self._listening.channels:
                self._listening.subscribe(channel)
                self._listening.get_message(timeout=1.0)  # the confirmation: what is published from now on is heard

    def fileno(self) -> int:
        """A descriptor that is readable when there may be work, or -1 while there is no connection."""
        connection = self._listening.connection if self._listening is not None else None
        sock = getattr(connection, "_sock", None)
        return int(sock.fileno()) if sock is not None else -1

    def watch(self) -> None:
        """Receive what is meant for keepers."""
        self._listen(f"{self._broker.prefix}keepers")

    def arm(self, child: str, queues: Sequence[str]) -> None:
        """Publish that ``child`` is idle."""
        self._listen(f"{self._broker.prefix}wake:{child}")
        self._broker.call("arm", child, *queues)

    def disarm(self, child: str) -> None:
        """Withdraw it."""
        self._broker.call("disarm", child)

    def drain(self) -> bool:
        """Forget wake-ups received so far, also those that the driver has read already."""
        woken = False
        with self._broker.typed():
            while self._listening is not None and (message := self._listening.get_message(timeout=0)) is not None:
                woken = woken or message["type"] == "message"
        return woken

    def changed(self) -> bool:
        """There is nothing cheaper to look at than the claim itself."""
        return True

    def hear(self, channel: str, seconds: float) -> None:
        """Sleep up to ``seconds``, or until something is published on ``channel``."""
        self._listen(channel)
        if not self.drain():
            descriptor = self.fileno()
            select.select([descriptor] if descriptor >= 0 else [], [], [], seconds)
            self.drain()

    def close(self) -> None:
        """Let go of the connection."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
