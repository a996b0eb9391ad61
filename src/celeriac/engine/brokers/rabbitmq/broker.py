"""RabbitMQ before a store: jobs travel over the one, and are claimed, settled and remembered in the other.

A producer publishes; the conveyor beside a worker's keeper brings the job into the store; there it is a job like any other. So
every promise about leases, tokens and results is the store's. What is due later, and whatever is enqueued by a settle, goes to
the store directly.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from celeriac.engine.brokers import tls
from celeriac.engine.brokers.base import Cancel, Capabilities, Command, Purge
from celeriac.engine.brokers.delegating import Delegating
from celeriac.engine.brokers.endings import unwanted
from celeriac.engine.brokers.rabbitmq.address import Address, hidden
from celeriac.engine.brokers.rabbitmq.conveyor import Conveyor
from celeriac.engine.brokers.rabbitmq.intake import MOST, Intake
from celeriac.engine.brokers.rabbitmq.link import Link
from celeriac.engine.brokers.rabbitmq.links import Links
from celeriac.engine.brokers.rabbitmq.outages import typed_errors
from celeriac.engine.brokers.rabbitmq.parcels import parcels
from celeriac.engine.brokers.resultstore import ResultStore
from celeriac.engine.job import Job, State, Token

FIRST_LOOKS = (0.001, 0.001, 0.002, 0.003, 0.005)
"""Seconds between the first looks for a job that is on its way: as a rule it arrives within two milliseconds."""
LOOK = 0.05
"""Seconds between two of the later ones."""
_NOBODY = Token(0, "", 0)


@lru_cache(maxsize=16)
def _links(url: str) -> Links:
    """Return the connections of this process to a server, which all brokers with that URL share."""
    return Links(Address(url))


class RabbitBroker(Delegating):
    """Moves jobs over RabbitMQ into ``store``, an unopened broker and store that does everything else.

    A clone, as the threads of a worker have it, connects to RabbitMQ only where it publishes: while that is away, workers go on
    with what the store has.
    """

    def __init__(self, url: str, store: Any, cloned: bool = False) -> None:
        super().__init__(store)
        self.url = url
        self.address = Address(url)
        self.capabilities = Capabilities(durable=store.capabilities.durable, priority=False, inspect=False)
        self._cloned = cloned
        self._links = _links(url)
        self._seen: set[str] = set()

    def open(self) -> None:
        """Open the store and, but for a clone, see that RabbitMQ lets us in."""
        self.inner.open()
        if not self._cloned:
            self._use(lambda link: None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the start-up text says about server and store."""
        unchecked = tls.warnings(hidden(self.url)) if self.address.is_unchecked else ()
        return (*unchecked, *getattr(self.inner, "warnings", ()))

    def close(self) -> None:
        """Let go of the store's connections, and of those to RabbitMQ that rest."""
        self.inner.close()
        self._links.close()

    def clone(self) -> RabbitBroker:
        """Return a broker on the same data, for another thread."""
        return RabbitBroker(self.url, self.inner.clone(), cloned=True)

    def conveyor(self, queues: Sequence[str], least: int, results: ResultStore | None = None) -> Conveyor:
        """Return what brings jobs of ``queues`` into the store, for a worker that runs ``least`` at a time.

        ``results`` is where they move from there once they have ended.
        """
        return Conveyor(self.address, self.inner, queues, least, results)

    def _use(self, action: Any) -> Any:
        with typed_errors(self.url):
            return self._links.use(action)

    # -- moving jobs -------------------------------------------------------------------------------------------------------

    def push(self, jobs: Sequence[Job]) -> None:
        """Publish what may run now, and return once RabbitMQ has it on its disk; what is due later goes to the store."""
        now = [job for job in jobs if job.state is State.WAITING]
        if len(now) < len(jobs):
            self.inner.push([job for job in jobs if job.state is not State.WAITING])
        if now:
            self._seen.update(job.queue for job in now)
            packed = parcels(now, self.address)
            self._use(lambda link: link.publish(packed))

    def bring_in(self, queues: Sequence[str]) -> int:
        """Move everything that RabbitMQ has on these queues into the store, however much. Returns how many jobs came."""
        return sum(int(self._use(lambda link, queue=queue: self._empty(link, queue))) for queue in queues)

    def _empty(self, link: Link, queue: str) -> int:
        intake = Intake(link, self.inner, queue, self.address.queue(queue), MOST)
        intake.empty()
        intake.close()
        return intake.brought

    def control(self, command: Command) -> int:
        """Carry out ``command``. A purge brings in what RabbitMQ has first; a job to cancel may still be on its way."""
        if isinstance(command, Purge):
            self.bring_in(command.queues)
        changed = int(self.inner.control(command))
        return changed + self._cancel_ahead(command) if isinstance(command, Cancel) else changed

    def _cancel_ahead(self, command: Cancel) -> int:
        """Leave a cancelled record for each job that the store does not know: when it arrives, it counts as one known already.

        Returns how many jobs that changed: whether there is one on its way, nobody can tell.
        """
        unknown = tuple(id for id in command.ids if self.inner.get(id) is None)
        now = time.time()
        for id in unknown:
            self.inner.remember(Job(id=id, task="", queue="", payload=b""), unwanted(_NOBODY, now))
        # And once more, where one has arrived meanwhile.
        return int(self.inner.control(Cancel(unknown, command.terminate))) if unknown else 0

    # -- reading -----------------------------------------------------------------------------------------------------------

    def wait(self, id: str, timeout: float | None) -> Job | None:
        """Return the record once the job is over. One that is still with RabbitMQ is looked for until it has arrived."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        if not self._arrives(id, deadline):
            return None
        job: Job | None = self.inner.wait(id, None if timeout is None else max(0.0, deadline - time.monotonic()))
        return job

    def _arrives(self, id: str, deadline: float) -> bool:
        for pause in FIRST_LOOKS:
            if self.inner.get(id) is not None:
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        return self._arrives_later(id, deadline)

    def _arrives_later(self, id: str, deadline: float) -> bool:
        # On a connection of its own: the caller's may be in a transaction that sees the store as it was when it began.
        reader = self.inner.clone()
        try:
            while reader.get(id) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                time.sleep(min(LOOK, left))
        finally:
            reader.close()
        return True

    def counts(self) -> dict[str, dict[State, int]]:
        """Return the number of jobs by queue and state; to those that wait, messages are added that RabbitMQ has.

        Of the queues that the store, a living worker or this instance knows. Jobs enqueued together may be one message; what is
        brought in just now counts twice.
        """
        messages = self._messages()  # before the store, lest what is brought in meanwhile count nowhere
        counted: dict[str, dict[State, int]] = self.inner.counts()
        for queue, ready in messages:
            if ready:
                states = counted.setdefault(queue, {})
                states[State.WAITING] = states.get(State.WAITING, 0) + ready
        return counted

    def _messages(self) -> list[tuple[str, int | None]]:
        """Return how many messages are ready in each queue that somebody knows of."""
        of_workers = {queue for worker in self.workers() for queue in worker.queues}
        names = sorted({queue for queue in self.inner.counts() if queue} | of_workers | self._seen)
        found: list[tuple[str, int | None]] = self._use(
            lambda link: [(name, link.count(self.address.queue(name))) for name in names]
        )
        return found
