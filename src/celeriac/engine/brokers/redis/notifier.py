"""Wake-ups by PUBLISH: each idle child listens on a channel of its own, and whatever makes jobs wait picks whom to wake."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from celeriac.engine.brokers.redis.outages import PATIENCE
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.ipc.ready import ready

if TYPE_CHECKING:
    from celeriac.engine.brokers.redis.broker import RedisBroker


class RedisNotifier:
    """Receives wake-ups on a connection of its own. Used by the thread that owns the broker."""

    poll_every = 1.0

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker
        self._listening: Any = None
        self._armed = False
        self._owed_since: float | None = None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Let go of a connection that broke: who listens next makes a new one, and polls until then."""
        try:
            with self._broker.typed():
                yield
        except BrokerUnavailable:
            self.close()
            raise

    def listen(self, channel: str) -> None:
        """Receive what is published on ``channel`` from now on. What came before on others may be forgotten."""
        if self._is_silent():
            self.close()
        with self._guarded():
            if self._listening is None:
                self._listening = self._broker.client.pubsub()
            if channel.encode() not in self._listening.channels:
                self._listening.subscribe(channel)
                self._await("subscribe", channel)

    def _is_silent(self) -> bool:
        """Ask a quiet connection whether it is there; return whether it owes the answer for longer than a server takes.

        The driver asks, and believes in a connection that never answers: nobody is told when the other end goes in silence.
        """
        if self.fileno() < 0:
            return False
        if not self._listening.health_check_response_counter:
            self._owed_since = None
            with self._guarded():
                self._listening.check_health()
            return False
        now = time.monotonic()
        self._owed_since = self._owed_since or now
        return bool(now - self._owed_since > self._listening.connection.socket_timeout)

    def ignore(self, channel: str) -> None:
        """Receive no more of ``channel``. A connection that broke receives nothing either."""
        if self._listening is None:
            return
        with suppress(BrokerUnavailable), self._guarded():
            self._listening.unsubscribe(channel)
            self._await("unsubscribe", channel)

    def _await(self, answer: str, channel: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            message = self._listening.get_message(timeout=left)
            if message is not None and (message["type"], message["channel"]) == (answer, channel.encode()):
                return

    def fileno(self) -> int:
        """A descriptor that is readable when there may be work, or -1 while there is no connection."""
        connection = self._listening.connection if self._listening is not None else None
        sock = getattr(connection, "_sock", None)
        return int(sock.fileno()) if sock is not None else -1

    def watch(self) -> None:
        """Receive what is meant for keepers."""
        self.listen(f"{self._broker.prefix}keepers")

    def arm(self, child: str, queues: Sequence[str]) -> None:
        """Publish that ``child`` is idle."""
        self.listen(f"{self._broker.prefix}wake:{child}")
        self.drain()  # of an earlier time: it says nothing about this one
        self._broker.call("arm", child, *queues)
        self._armed = True

    def disarm(self, child: str) -> None:
        """Withdraw it, unless whoever woke us has."""
        if self._armed:
            self._broker.call("disarm", child)
            self._armed = False

    def drain(self) -> bool:
        """Forget wake-ups received so far, also those that the driver has read already."""
        woken = False
        with self._guarded():
            while self._listening is not None and (message := self._listening.get_message(timeout=0)) is not None:
                woken = woken or message["type"] == "message"
                if message["type"] == "message" and b":wake:" in message["channel"]:
                    self._armed = False
        return woken

    def changed(self) -> bool:
        """There is nothing cheaper to look at than the claim itself."""
        return True

    def hear(self, seconds: float) -> None:
        """Sleep up to ``seconds``, or until something is published."""
        if not self.drain():
            descriptor = self.fileno()
            ready([descriptor] if descriptor >= 0 else [], seconds)
            self.drain()

    def close(self) -> None:
        """Let go of the connection."""
        if self._listening is not None:
            self._listening.close()
            self._listening = self._owed_since = None
