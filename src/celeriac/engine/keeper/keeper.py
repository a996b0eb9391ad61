"""The keeper: one loop over its duties. It runs no user code, so nothing a task does can keep it from renewing the lease.

One thread, one connection; it hears the master, and the notifier tells it of due jobs and cancellations.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

from celeriac.engine.brokers.base import Consequences, WorkerInfo
from celeriac.engine.clock import Clock
from celeriac.engine.errors import BrokerUnavailable, TaskRevokedError
from celeriac.engine.faults import fault_point
from celeriac.engine.ipc.channel import Channel, ChannelClosed
from celeriac.engine.ipc.ready import ready
from celeriac.engine.ipc.slots import SlotTable
from celeriac.engine.job import State, Token
from celeriac.engine.keeper.leases import Leases
from celeriac.engine.keeper.prune import Prune
from celeriac.engine.keeper.release import Release
from celeriac.engine.keeper.rescue import Rescue
from celeriac.engine.options import WorkerOptions
from celeriac.engine.outcome import Failure, Outcome

logger = logging.getLogger("celeriac.keeper")

TICK = 0.025
"""Seconds between two looks at the slots while jobs run."""
IDLE_TICK = 0.25
PROMOTE_BATCH = 1000
LOOK_EVERY = 1.0
LONGEST_BACKOFF = 2.0


class Keeper:
    """Owned by the keeper's only thread. ``children`` maps each living child's id to its slot, as the master says.

    Without a master (one process), ``listener`` is called with what the master would be told. ``consequences`` are those of a
    job that fails because its process was killed.
    """

    def __init__(
        self,
        broker: Any,
        info: WorkerInfo,
        options: WorkerOptions,
        slots: SlotTable,
        master: Channel | None,
        clock: Clock,
        listener: Callable[[dict[str, Any]], None] | None = None,
        consequences: Consequences | None = None,
    ) -> None:
        self.broker = broker
        self.info = info
        self.slots = slots
        self.master = master
        self.listener = listener
        self.clock = clock
        self.notifier: Any = broker.notifier()
        self.children: dict[str, int] = {}
        self.leases = Leases(broker, info.id, options.lease, options.renew_every, clock)
        self.release = Release(broker, slots, clock, options.threads)
        self.rescue = Rescue(broker, info.name, slots, options.poison_limit, clock, consequences)
        self.prune = Prune(broker, info.id, options.keep, clock)
        self.consequences = consequences
        self.stopping = False
        self.dead = False
        self._promote_at = 0.0
        self._look_at = 0.0
        self._rescues: list[dict[str, Any]] = []

    def run(self, joined: bool) -> None:
        """Join, keep, leave. Returns when told to stop, or when the broker has declared this worker dead."""
        if not joined:
            self._persist(lambda: self.broker.join(self.info, self.leases.lease))
            fault_point("after-join")
        self._persist(self._watch)
        self._say({"joined": self.info.id})
        while not (self.stopping or self.dead):
            self._persist(self._turn)
            self._sleep()
        if self.dead:
            logger.error("The broker has declared this worker dead: its lease ran out and its jobs were given to others.")
            self._say({"dead": self.info.id})
        else:
            fault_point("before-leave")
            self._persist(lambda: self.broker.leave(self.info.id, self.consequences), once=True)
            self._say({"left": self.info.id})
        self.broker.close()

    def _watch(self) -> None:
        self.broker.open()
        self.notifier.watch()

    def _persist(self, action: Any, once: bool = False) -> None:
        """Do something that needs the broker. While that is away, wait with back-off; the next turn tries again."""
        delay = 0.1
        while True:
            self.slots.beat(self.clock.monotonic())
            try:
                action()
                return
            except BrokerUnavailable as error:
                logger.warning("%s Trying again in %.1f s; nothing is lost.", error, delay)
                if once:
                    return
            self._hear(random.uniform(delay / 2, delay))
            delay = min(LONGEST_BACKOFF, self.leases.every, delay * 2)  # others judge us a lease after the broker is back
            if self.stopping:
                return

    def _turn(self) -> None:
        """One round of duties, the most urgent first. Each is safe to repeat."""
        if self.leases.due_in() <= 0 and not self.leases.renew():
            self.dead = True
            return
        self.notifier.watch()  # a connection that was made anew hears nothing yet
        self._rescue_children()
        self.release.look(self.children)
        now = self.clock.monotonic()
        if now >= self._promote_at:
            self._promote()
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            self._cancel_doomed()
            if self.leases.may_judge():
                self.rescue.lapsed()
        if self.prune.due():
            self.prune.prune()

    def _rescue_children(self) -> None:
        while self._rescues:
            message = self._rescues[0]
            child = message["rescue"]
            rescued = self.rescue.child(child, message["slot"], message.get("verdicts", ()), message.get("charge", True))
            self._rescues.pop(0)
            self.children.pop(child, None)
            self._say({"rescued": child, "jobs": rescued})

    def _promote(self) -> None:
        fault_point("before-promote")
        until = self.broker.promote(PROMOTE_BATCH)
        fault_point("after-promote")
        self._promote_at = self.clock.monotonic() + (LOOK_EVERY if until is None else min(until, LOOK_EVERY))

    def _cancel_doomed(self) -> None:
        """End what somebody asked to terminate: what runs by the master's hand, what has not begun right here."""
        for token in self.broker.doomed(self.info.id):
            slot = self.children.get(token.child)
            if slot is None:
                continue
            running = {(entry.number, entry.delivery) for entry in self.slots.running(slot)}
            if (token.number, token.delivery) in running:
                self._say({"cancel": token.child, "number": token.number, "delivery": token.delivery})
            else:
                self._settle_cancelled(token)

    def _settle_cancelled(self, token: Token) -> None:
        now = self.clock.wall()
        failure = Failure(type=TaskRevokedError.__name__, module="celeriac.exceptions", message="terminated")
        self.broker.settle(
            [Outcome(token=token, state=State.CANCELLED, started=now, finished=now, failure=failure, counts=False)]
        )

    # -- waiting and hearing -----------------------------------------------------------------------------------------------

    def _sleep(self) -> None:
        self.slots.beat(self.clock.monotonic())
        if self._rescues:
            return
        busy = any(self.slots.running(slot) for slot in self.children.values())
        tick = TICK if busy else IDLE_TICK
        self._hear(max(0.0, min(tick, self.leases.due_in(), self._promote_at - self.clock.monotonic())))

    def _hear(self, seconds: float) -> None:
        waits: list[Any] = [self.master] if self.master is not None else []
        notified = self.notifier.fileno()
        if notified >= 0:
            waits.append(notified)
        readable = ready(waits, seconds)
        if notified in readable and self._was_woken():
            self._promote_at = self._look_at = 0.0
        if self.master is not None and self.master in readable:
            self._hear_master(self.master)

    def _was_woken(self) -> bool:
        try:
            woken: bool = self.notifier.drain()
        except BrokerUnavailable:
            return False  # the connection broke while we slept; the next turn meets that, and waits
        return woken

    def _hear_master(self, master: Channel) -> None:
        try:
            messages = master.receive()
        except ChannelClosed:
            self.stopping = True  # without a master there are no children; leaving gives their jobs back at once
            return
        for message in messages:
            if "child" in message:
                self.children[message["child"]] = message["slot"]
            elif "rescue" in message:
                self._rescues.append(message)
            elif "stop" in message:
                self.stopping = True

    def _say(self, message: dict[str, Any]) -> None:
        if self.listener is not None:
            self.listener(message)
        if self.master is None:
            return
        try:
            self.master.send(message)
        except ChannelClosed:
            self.stopping = True
