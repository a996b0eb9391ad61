"""One queue's way into the store: its consumer, and how much may wait in the store before more is asked for."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

import amqp  # type: ignore[import-untyped]  # py-amqp has no types
import msgspec

from celeriac.engine.brokers.rabbitmq.link import Link
from celeriac.engine.brokers.rabbitmq.parcels import unpacked
from celeriac.engine.brokers.resultstore import ResultStore
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.ipc.ready import ready
from celeriac.engine.job import Job, State, Token
from celeriac.engine.outcome import Failure, Outcome
from celeriac.engine.translation import gettext as _

logger = logging.getLogger("celeriac.keeper")

MOST = 500
"""Messages that the server may send ahead of their acknowledgement, where jobs are short."""
LOAD = 1000
"""Jobs after which the store is written to: longer writes would keep out the children."""
GROWTH = 4
FEW = 10
"""Messages that are fetched one by one: to have more of them sent, and no more after these, takes some round trips, too."""
SILENCE = 0.2
"""Seconds without a message after which what is left of a queue is with another worker."""
REST_AFTER = 1.0
"""Seconds without room in the store after which the consumer ends, until there is room again."""


class _Arrival(NamedTuple):
    """A message: its number on the channel, the id of its first job, whether it was sent before, and its body."""

    tag: int
    id: str
    again: bool
    body: bytes


class Intake:
    """Moves jobs of one queue from RabbitMQ to the store. Owned by one thread, on a channel of its own.

    A message is acknowledged once its jobs are in the store and fewer of the queue's jobs wait there than its window. What is
    not acknowledged counts against the prefetch, so the server sends no more: as many as there are free slots (``least``)
    at first, and more where the workers have emptied the store before we look again.

    ``results`` is where jobs move from the store once they have ended, if anywhere: a message that comes again is looked up
    there, lest its job run again.
    """

    def __init__(self, link: Link, store: Any, queue: str, name: str, least: int, results: ResultStore | None = None) -> None:
        self._link = link
        self._store = store
        self._results = results
        self._queue, self.name = queue, name
        self._least = least
        self._channel = link.channel()
        self._window = least
        self._consumer = ""
        self._arrived: list[_Arrival] = []
        self._received = 0
        self.brought = 0
        """How many jobs it has brought in."""
        self._tag = 0
        self._unacknowledged = 0
        self._full_since: float | None = None

    @property
    def waits_for_room(self) -> bool:
        """Whether the store is to be looked at again soon."""
        return self._tag > 0 or not self._consumer

    def turn(self) -> int:
        """Bring in what has arrived, and acknowledge it or ask for more where there is room. Returns how many jobs came."""
        brought = self.land()
        if self.waits_for_room:
            self._look_for_room()
        return brought

    # -- from the server to the store ----------------------------------------------------------------------------------------

    def _deliver(self, message: Any) -> None:
        self._received += 1
        id, again = message.properties.get("message_id", ""), bool(message.delivery_info.get("redelivered"))
        self._arrived.append(_Arrival(message.delivery_tag, id, again, bytes(_as_bytes(message.body))))

    @property
    def has_more(self) -> bool:
        """Whether something has arrived that is not in the store yet."""
        return bool(self._arrived)

    def land(self) -> int:
        """Write what has arrived to the store, or a part of it where it is much. Returns how many jobs that were.

        Raises ``BrokerUnavailable``, keeping it.
        """
        if not self._arrived:
            return 0
        jobs: list[Job] = []
        messages = 0
        while messages < len(self._arrived) and len(jobs) < LOAD:
            jobs += self._jobs_of(self._arrived[messages])
            messages += 1
        push(self._store, jobs)
        self.brought += len(jobs)
        self._tag = self._arrived[messages - 1].tag
        self._unacknowledged += messages
        del self._arrived[:messages]
        return len(jobs)

    def _jobs_of(self, arrival: _Arrival) -> list[Job]:
        try:
            jobs = unpacked(arrival.body)
        except msgspec.MsgspecError as error:
            id = arrival.id or f"unreadable-{time.time_ns()}"
            self._park(Job(id=id, task="", queue=self._queue, payload=arrival.body), error)
            return []
        if arrival.again and self._results is not None:
            return [job for job in jobs if not self._is_known(self._results, job.id)]
        return jobs

    def _is_known(self, results: ResultStore, id: str) -> bool:
        """Return whether a job has come before. It is kept among the results before it leaves the store: so the store first."""
        if self._store.get(id) is not None:
            return True
        try:
            return results.get(id) is not None
        except BrokerUnavailable as error:
            logger.warning("%s The message of job %s came again; if the job has ended, it runs once more.", error, id)
            return False

    def _park(self, job: Job, error: Exception) -> None:
        logger.error(
            "A message on the queue %r is not what Celeriac writes; it is parked as job %s: %s", self.name, job.id, error
        )
        park(self._store, job, _("The message cannot be read: {error}").format(error=error))

    # -- room --------------------------------------------------------------------------------------------------------------

    def _look_for_room(self) -> None:
        waiting = self._store.backlog(self._queue, self._window)
        if waiting >= self._window:
            self._no_room()
            return
        self._full_since = None
        if not self._consumer:
            self._consume(self._window)
        elif waiting == 0 and self._unacknowledged >= self._window < MOST:
            self._widen()
        else:
            self.acknowledge()

    def _no_room(self) -> None:
        now = time.monotonic()
        if self._full_since is None:
            self._full_since = now
        elif self._consumer and now - self._full_since > REST_AFTER:
            self.stop()
            self._window = self._least

    def _widen(self) -> None:
        """The workers have taken all that the server may send at once: let it send more."""
        self._window = min(self._window * GROWTH, MOST)
        self.stop()
        self._consume(self._window)

    def acknowledge(self) -> None:
        """Acknowledge what is in the store."""
        if self._tag:
            self._channel.basic_ack(self._tag, multiple=True)
            self._tag = self._unacknowledged = 0

    def _consume(self, prefetch: int) -> None:
        """Have the server send messages, ``prefetch`` ahead of their acknowledgement."""
        self._channel.basic_qos(0, prefetch, False)
        self._consumer = uuid.uuid4().hex
        self._channel.basic_consume(self.name, self._consumer, callback=self._deliver)

    def stop(self) -> None:
        """Have it send no more. What it had sent already is brought in, too."""
        consumer, self._consumer = self._consumer, ""
        if consumer:
            self._channel.basic_cancel(consumer)
        while self._arrived:
            self.land()
        self.acknowledge()

    def empty(self) -> None:
        """Bring in all that the queue has, but for what somebody else takes meanwhile. One that does not exist is empty.

        The server is asked until it has nothing: what it counts may be late, as after its start.
        """
        try:
            while message := self._channel.basic_get(self.name):
                self._deliver(message)
                if (left := message.delivery_info["message_count"]) > FEW:
                    self._stream(left)
                self.stop()
        except amqp.NotFound:
            pass

    def _stream(self, messages: int) -> None:
        """Bring in so many messages, or those that nobody else takes meanwhile."""
        messages += self._received
        self._consume(min(messages, MOST))
        while self._received < messages and (self._link.has_arrived() or ready([self._link.fileno()], SILENCE)):
            self._link.receive()
            while self._arrived:
                self.land()
            self.acknowledge()

    def renew(self) -> None:
        """Consume anew, unless something is on its way."""
        if self._consumer and not (self._tag or self._arrived):
            self._channel.close()
            self._channel = self._link.channel()
            self._consume(self._window)

    def close(self) -> None:
        """Let go of the channel."""
        self._channel.close()


def push(store: Any, jobs: Sequence[Job]) -> None:
    """Push jobs into the store; one that it cannot take is parked, so that it does not keep out the others."""
    if not jobs:
        return
    try:
        store.push(jobs)
    except BrokerUnavailable:
        raise
    except Exception:
        if len(jobs) == 1:
            raise
        logger.exception("%d jobs could not be written to the store together; each is tried alone.", len(jobs))
        for job in jobs:
            _push_one(store, job)


def _push_one(store: Any, job: Job) -> None:
    try:
        store.push([job])
    except BrokerUnavailable:
        raise
    except Exception as error:
        logger.exception("The job %s could not be written to the store, and is parked without its arguments.", job.id)
        bare = Job(id=job.id, task=job.task, queue=job.queue, payload=b"")
        park(store, bare, _("The store refused this job: {error}").format(error=error))


def park(store: Any, job: Job, why: str) -> None:
    """Keep a job that cannot run, with the reason."""
    now = time.time()
    failure = Failure(type="UnreadableMessage", module="celeriac", message=why)
    nobody = Token(0, "", 0)
    store.remember(job, Outcome(token=nobody, state=State.PARKED, started=now, finished=now, failure=failure, counts=False))


def _as_bytes(body: bytes | str) -> bytes:
    return body.encode("utf-8", "surrogateescape") if isinstance(body, str) else body
