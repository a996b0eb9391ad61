"""One connection to RabbitMQ, used by one thread at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import amqp  # type: ignore[import-untyped]  # py-amqp has no types

from celeriac.engine.brokers.rabbitmq.address import Address
from celeriac.engine.brokers.rabbitmq.outages import FAULTS, PATIENCE, Blocked, Refused
from celeriac.engine.brokers.rabbitmq.parcels import Parcel
from celeriac.engine.brokers.rabbitmq.reading import is_ahead, read_ahead
from celeriac.engine.ipc.ready import ready

OUTSTANDING = 500
"""Messages that may be on their way without a confirm."""
TRIES = 6
"""How often a message is sent that the server refuses: while a queue is being declared, it has no leader for a moment."""
PAUSE = 0.05
"""Seconds before the second try, twice as many before each further one."""
QUORUM = {"x-queue-type": "quorum"}
"""Replicated where there are several nodes, and on the disk before a confirm."""
UNLIMITED = {"x-delivery-limit": -1}
"""From version 4 on a server drops a message after 20 redeliveries unless told not to; before, it knows no such number."""


class Link:
    """A connection, and a channel that confirms. After an error it is of no further use: ``drop`` it."""

    def __init__(self, address: Address, heartbeat: int) -> None:
        self._connection = _connect(address, heartbeat)
        self._connection.on_blocked = self._set_blocked
        self._connection.on_unblocked = self._set_unblocked
        self._channel: Any = None
        self._blocked = False
        self._sent = 0
        self._unconfirmed: set[int] = set()
        self._refused: set[int] = set()
        self._returned: set[str] = set()
        self.used = time.monotonic()

    # -- publishing --------------------------------------------------------------------------------------------------------

    def publish(self, parcels: Sequence[Parcel]) -> None:
        """Send parcels; return once the server has confirmed every one of them. Queues that are missing are declared."""
        while parcels:
            self._returned.clear()
            for start in range(0, len(parcels), OUTSTANDING):
                self._insist(parcels[start : start + OUTSTANDING])
            for queue in self._returned:
                self.declare(queue)
            parcels = [parcel for parcel in parcels if parcel.queue in self._returned]
        self.used = time.monotonic()

    def _insist(self, parcels: Sequence[Parcel]) -> None:
        """Send parcels, and those again that were refused. Raises ``Refused``."""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(random.uniform(0.5, 1.0) * PAUSE * 2 ** (attempt - 1))
            parcels = self._publish(parcels)
            if not parcels:
                return
        raise Refused

    def _publish(self, parcels: Sequence[Parcel]) -> list[Parcel]:
        """Send parcels and wait for the answers. Returns those that the server did not take."""
        if self._channel is None:
            self._channel = self._confirming_channel()
        first = self._sent + 1
        self._refused.clear()
        for parcel in parcels:
            self._sent += 1
            self._unconfirmed.add(self._sent)
            message = amqp.Message(parcel.body, **parcel.properties)
            self._channel.basic_publish(message, "", parcel.queue, mandatory=True)
        while self._unconfirmed:
            if self._blocked:
                raise Blocked
            self._connection.drain_events(timeout=PATIENCE)
        return [parcel for number, parcel in enumerate(parcels, first) if number in self._refused]

    def _confirming_channel(self) -> Any:
        channel = self._connection.channel()
        channel.events["basic_ack"].add(self._confirm)
        channel.events["basic_nack"].add(self._refuse)
        channel.events["basic_return"].add(self._return)
        channel.confirm_select()
        return channel

    def _confirm(self, tag: int, multiple: bool) -> None:
        if multiple:
            self._unconfirmed = {number for number in self._unconfirmed if number > tag}
        else:
            self._unconfirmed.discard(tag)

    def _refuse(self, tag: int, multiple: bool) -> None:
        self._refused |= {number for number in self._unconfirmed if number <= tag} if multiple else {tag}
        self._confirm(tag, multiple)

    def _return(self, error: Exception, exchange: str, queue: str, message: Any) -> None:
        """The server knows no such queue. Told before the confirm."""
        self._returned.add(queue)

    def _set_blocked(self, reason: str) -> None:
        self._blocked = True

    def _set_unblocked(self) -> None:
        self._blocked = False

    # -- queues ------------------------------------------------------------------------------------------------------------

    def declare(self, queue: str) -> None:
        """Make a queue unless it is there, with whatever arguments it was made."""
        if self.count(queue) is None:
            with self._passing_channel() as channel:
                channel.queue_declare(queue, durable=True, auto_delete=False, arguments=self._arguments())

    def _arguments(self) -> dict[str, Any]:
        version = str(self._connection.server_properties.get("version", "0"))
        return {**QUORUM, **UNLIMITED} if int(version.partition(".")[0] or 0) >= 4 else QUORUM

    def count(self, queue: str) -> int | None:
        """Return how many messages of a queue are ready; None where there is no such queue."""
        try:
            with self._passing_channel() as channel:
                return int(channel.queue_declare(queue, passive=True).message_count)
        except amqp.NotFound:
            return None

    @contextmanager
    def _passing_channel(self) -> Iterator[Any]:
        """A channel of its own for what may fail: the server closes the channel on which something did."""
        channel = self._connection.channel()
        yield channel
        channel.close()

    # -- consuming ---------------------------------------------------------------------------------------------------------

    def channel(self) -> Any:
        """Return a new channel."""
        return self._connection.channel()

    def fileno(self) -> int:
        """The socket's descriptor."""
        return int(self._connection.sock.fileno())

    def receive(self) -> None:
        """Take in whatever has arrived, without waiting for more."""
        while self.has_arrived():
            self._connection.blocking_read(PATIENCE)

    def has_arrived(self) -> bool:
        """Return whether there is something to receive."""
        if is_ahead(self._connection.transport):
            return True
        sock = self._connection.sock
        pending: Callable[[], int] | None = getattr(sock, "pending", None)  # what TLS has decrypted already
        return bool((pending is not None and pending()) or ready([sock], 0))

    def beat(self) -> None:
        """Send a heartbeat where one is due, and see that the server sends its own. To be called once a second."""
        self._connection.heartbeat_tick()

    # -- the end -----------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Say goodbye."""
        try:
            self._connection.close()
        except FAULTS:
            self.drop()

    def drop(self) -> None:
        """Let go of it as it is."""
        self._connection.collect()


def _connect(address: Address, heartbeat: int) -> Any:
    """Return a connection to the first of the hosts that takes us."""
    for host in address.hosts[:-1]:
        try:
            return _connect_to(address, host, heartbeat)
        except OSError:
            continue  # that one is away: the next may not be
    return _connect_to(address, address.hosts[-1], heartbeat)


def _connect_to(address: Address, host: str, heartbeat: int) -> Any:
    connection = amqp.Connection(
        **address.options(host), heartbeat=heartbeat, connect_timeout=address.connection_timeout,
        on_blocked=lambda reason: None,  # which tells the server that we want to know
        client_properties={"product": "Celeriac"},
    )  # fmt: skip
    try:
        connection.connect()
    except FAULTS:
        connection.collect()
        raise
    read_ahead(connection.transport)
    connection.sock.settimeout(PATIENCE)  # for every answer from now on
    return connection
