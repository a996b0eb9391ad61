"""From RabbitMQ to the store, for the queues that one worker serves.

It runs beside the keeper, where there is no user code: so no job waits unseen behind a long one in the same process, heartbeats
are sent whatever a task does, and a worker has one connection, however many children it has.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from celeriac.engine.brokers.rabbitmq.address import Address
from celeriac.engine.brokers.rabbitmq.intake import Intake
from celeriac.engine.brokers.rabbitmq.link import Link
from celeriac.engine.brokers.rabbitmq.outages import typed_errors
from celeriac.engine.brokers.resultstore import ResultStore
from celeriac.engine.ipc.ready import ready

LOOK = 0.02
"""Seconds between two looks whether the store has room, while it has none."""
BEAT = 1.0
RENEW = 15.0
"""Seconds of quiet after which queues are consumed from anew: where one was deleted and declared again, a server may forget to
say so, and send nothing more."""


class Conveyor:
    """Owned by one thread. ``least`` is the number of jobs that the worker runs at a time, ``results`` as for an intake."""

    def __init__(
        self, address: Address, store: Any, queues: Sequence[str], least: int, results: ResultStore | None = None
    ) -> None:
        self._address = address
        self._store = store
        self._results = results
        self._queues = queues
        self._least = max(least, 1)
        self._link: Link | None = None
        self._intakes: list[Intake] = []
        self._beaten = self._heard = 0.0

    def turn(self, waits: Sequence[Any]) -> int:
        """Wait until messages come, one of ``waits`` can be read or a second is over; bring the messages in.

        Returns how many jobs that were. Raises ``BrokerUnavailable``, with RabbitMQ's or the store's reason; the next turn
        connects anew, and what was not acknowledged comes again.
        """
        try:
            with typed_errors(self._address.url):
                return self._turn(waits)
        except BaseException:
            self._let_go()
            raise

    def _turn(self, waits: Sequence[Any]) -> int:
        link = self._link or self._connect()
        looks = any(intake.waits_for_room for intake in self._intakes)
        if not (any(intake.has_more for intake in self._intakes) or link.has_arrived()):
            ready([link.fileno(), *waits], LOOK if looks else BEAT)
        link.receive()
        if time.monotonic() - self._beaten > BEAT:
            self._beaten = time.monotonic()
            link.beat()
        brought = sum(intake.turn() for intake in self._intakes)
        self._renew_if_quiet(link, brought > 0)
        return brought

    def _renew_if_quiet(self, link: Link, heard: bool) -> None:
        now = time.monotonic()
        if heard:
            self._heard = now
        elif now - self._heard > RENEW:
            self._heard = now
            for intake in self._intakes:
                link.declare(intake.name)
                intake.renew()

    def _connect(self) -> Link:
        link = self._link = Link(self._address, self._address.heartbeat)
        for queue in self._queues:
            name = self._address.queue(queue)
            link.declare(name)
            self._heard = time.monotonic()
            self._intakes.append(Intake(link, self._store, queue, name, self._least, self._results))
        for intake in self._intakes:
            intake.turn()
        return link

    def _let_go(self) -> None:
        link, self._link, self._intakes = self._link, None, []
        if link is not None:
            link.drop()

    def close(self) -> None:
        """Stop. What was not acknowledged is another worker's."""
        link, self._link, self._intakes = self._link, None, []
        if link is not None:
            link.close()
        self._store.close()
        if self._results is not None:
            self._results.close()
