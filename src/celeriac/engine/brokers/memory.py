"""The in-memory broker and store: everything the others do, for as long as the process lives.

For tests, demonstrations and one-process programs. Any thread may use any instance; ``clone()`` shares the data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Self

import msgspec

from celeriac.engine.brokers.base import Capabilities, Command, Consequences, Verdict, WorkerInfo
from celeriac.engine.brokers.endings import judged, lost, poisonous, unwanted, with_consequences, worth_keeping
from celeriac.engine.brokers.memory_control import carry_out
from celeriac.engine.brokers.memory_data import Child, Entry, MemoryData, Worker, copied
from celeriac.engine.brokers.memory_leader import MemoryLeader
from celeriac.engine.brokers.memory_notifier import MemoryNotifier
from celeriac.engine.brokers.memory_rates import admit
from celeriac.engine.brokers.memory_store import MemoryStore, attempt_of
from celeriac.engine.clock import Clock
from celeriac.engine.errors import ChildIsDead, LeaseLost
from celeriac.engine.job import TRANSITIONS, Job, State, Token
from celeriac.engine.outcome import Outcome

SOON = 1.0
"""Seconds: a job that is due later than this, a keeper finds in time by itself."""


class MemoryBroker(MemoryStore):
    """Moves and remembers jobs in this process."""

    capabilities = Capabilities(durable=False)

    def __init__(self, clock: Clock, data: MemoryData | None = None) -> None:
        super().__init__(data or MemoryData(), clock)
        self._notifier = MemoryNotifier(self._data)

    def open(self) -> None:
        """Nothing to connect to."""

    def close(self) -> None:
        """Let go of the notifier's descriptor. The jobs stay with the clones."""
        self._notifier.close()

    def clone(self) -> Self:
        """Return a broker on the same data."""
        return type(self)(self._clock, self._data)

    def notifier(self) -> MemoryNotifier:
        """Return this instance's notifier."""
        return self._notifier

    def leader(self, duty: str) -> MemoryLeader:
        """Return the election of one duty."""
        return MemoryLeader(self._data, self._clock, duty)

    # -- moving jobs -------------------------------------------------------------------------------------------------------

    def push(self, jobs: Sequence[Job]) -> None:
        """Accept jobs; one whose id exists is left as it is."""
        now = self._clock.wall()
        with self._data.lock:
            for job in jobs:
                self._data.accept(job, now)
            self._wake_keepers(job.run_at for job in jobs if job.state is State.SCHEDULED)

    def _wake_keepers(self, times: Iterable[float | None]) -> None:
        soon = self._clock.wall() + SOON
        if any(run_at is None or run_at < soon for run_at in times):
            self._data.wake_keepers()

    def join(self, worker: WorkerInfo, lease: float) -> None:
        """Make a worker known."""
        with self._data.lock:
            now = self._clock.wall()
            self._data.workers[worker.id] = Worker(msgspec.structs.replace(worker, started=now), now + lease)

    def enrol(self, worker: str, child: str) -> None:
        """Make a child known. Raises ``LeaseLost`` for a dead worker."""
        with self._data.lock:
            if worker not in self._data.workers:
                raise LeaseLost(f"The worker {worker} was declared dead; it cannot start another child.")
            self._data.children[child] = Child(worker)
            self._data.workers[worker].children.add(child)

    def claim(self, queues: Sequence[str], limit: int, child: str) -> list[Job]:
        """Take up to ``limit`` waiting jobs. Raises ``ChildIsDead``."""
        with self._data.lock:
            claimer = self._data.children.get(child)
            if claimer is None:
                raise ChildIsDead(f"The child {child} was declared dead; its jobs went to others. It must stop.")
            taken: list[Job] = []
            for queue in self._data.has_waiting(queue for queue in queues if queue not in self._data.paused):
                jobs = self._data.take(queue)
                while len(taken) < limit and (entry := next(jobs, None)):
                    taken.append(self._hand_out(entry, child, claimer))
            return taken

    def _hand_out(self, entry: Entry, child: str, claimer: Child) -> Job:
        job = entry.job
        job.state, job.child, job.delivery = State.RUNNING, child, job.delivery + 1
        job.worker, job.started = claimer.worker, None
        claimer.held[job.number] = entry
        return copied(job)

    def admit(self, jobs: Sequence[Job], apart: Mapping[str, float]) -> set[Token]:
        """Let claimed jobs of tasks with a rate limit take their turns. Returns the tokens that may begin."""
        with self._data.lock:
            may, times = admit(self._data, jobs, apart, self._clock.wall())
            self._wake_keepers(times)
            return may

    def paced(self) -> dict[str, float]:
        """Return the tasks whose rate somebody set, and the seconds between their starts."""
        with self._data.lock:
            return {task: rate.apart for task, rate in self._data.rates.items() if rate.apart is not None}

    def begin(self, tokens: Collection[Token], once: bool = False) -> set[Token]:
        """Record that bodies start. Returns the tokens still held."""
        with self._data.lock:
            return {token for token in tokens if self._begin(token, once)}

    def _begin(self, token: Token, once: bool) -> bool:
        entry = self._data.holder(token)
        if entry is None:
            return False
        if not entry.begun:
            entry.begun, entry.job.started = True, self._clock.wall()
        entry.once = entry.once or once
        return True

    def release(self, tokens: Collection[Token]) -> int:
        """Give claimed jobs back that have not begun. Returns how many went."""
        with self._data.lock:
            return sum(self._release(token) for token in tokens)

    def _release(self, token: Token) -> bool:
        entry = self._data.holder(token)
        if entry is None or entry.begun:
            return False
        self._give_back(entry)
        return True

    def held(self, child: str) -> set[Token]:
        """Return the tokens of everything ``child`` holds."""
        with self._data.lock:
            return {entry.job.token for entry in self._held_by(child)}

    def _held_by(self, child: str) -> list[Entry]:
        holder = self._data.children.get(child)
        return list(holder.held.values()) if holder else []

    def _give_back(self, entry: Entry) -> None:
        if entry.revoked:
            self.settle([unwanted(entry.job.token, self._clock.wall())])
            return
        self._data.let_go(entry)
        entry.job.started = entry.job.worker = None
        self._data.let_wait(entry)

    # -- settling ----------------------------------------------------------------------------------------------------------

    def settle(self, outcomes: Sequence[Outcome]) -> set[Token]:
        """Record outcomes and end their claims. Raises ``ValueError``, with nothing changed, for a state no attempt ends in."""
        for outcome in outcomes:
            if outcome.state not in TRANSITIONS[State.RUNNING]:
                raise ValueError(f"An attempt cannot end in the state {outcome.state.value!r}.")
        with self._data.lock:
            return {outcome.token for outcome in outcomes if not self._settle(outcome)}

    def _settle(self, outcome: Outcome) -> bool:
        entry = self._data.holder(outcome.token)
        if entry is None:
            return False
        revoked = entry.revoked
        self._data.let_go(entry)
        job = entry.job
        job.started, job.worker, job.attempts = outcome.started, outcome.worker, job.attempts + outcome.counts
        if outcome.progress is not None:
            job.progress = outcome.progress
        if worth_keeping(outcome):
            entry.attempts.append(attempt_of(job.attempts, outcome))
        if revoked and outcome.state in (State.SCHEDULED, State.WAITING):
            self._data.end(entry, State.CANCELLED, outcome.finished)
        elif outcome.state in (State.SCHEDULED, State.WAITING):
            self._send_back(entry, outcome)
        else:
            job.result = outcome.result
            self._data.end(entry, outcome.state, outcome.finished)
        self.push(outcome.follow_ups)
        return True

    def _send_back(self, entry: Entry, outcome: Outcome) -> None:
        job = entry.job
        job.charges = 0  # an attempt came to its end, so it is not this job that kills processes
        job.payload = job.payload if outcome.payload is None else outcome.payload
        job.queue = outcome.queue or job.queue
        if outcome.state is State.SCHEDULED and outcome.run_at is not None and outcome.run_at > outcome.finished:
            self._data.schedule(entry, outcome.run_at)
            self._wake_keepers([outcome.run_at])
        else:
            self._data.let_wait(entry)

    # -- leases and rescue -------------------------------------------------------------------------------------------------

    def renew(self, worker: str, lease: float) -> bool:
        """Extend a worker's lease. False means it was declared dead."""
        with self._data.lock:
            known = self._data.workers.get(worker)
            if known is not None:
                known.lease = self._clock.wall() + lease
            return known is not None

    def leave(self, worker: str, consequences: Consequences | None = None) -> int:
        """A worker goes: give back what its children hold, uncharged."""
        with self._data.lock:
            return self._bury_worker(worker, None, consequences)

    def rescue(
        self,
        child: str | None = None,
        begun: Collection[Token] = (),
        verdicts: Collection[Verdict] = (),
        limit: int | None = 3,
        consequences: Consequences | None = None,
    ) -> int:
        """Declare ``child`` dead, or every worker whose lease ran out. Returns how many jobs were taken from the dead."""
        with self._data.lock:
            if child is not None:
                return self._bury_child(child, begun, verdicts, limit, consequences)
            now = self._clock.wall()
            lapsed = [id for id, worker in self._data.workers.items() if worker.lease < now]
            return sum(self._bury_worker(worker, limit, consequences) for worker in lapsed)

    def _bury_worker(self, worker: str, limit: int | None, consequences: Consequences | None) -> int:
        dead = self._data.workers.pop(worker, None)
        return sum(self._bury_child(child, (), (), limit, consequences) for child in sorted(dead.children)) if dead else 0

    def _bury_child(
        self,
        child: str,
        begun: Collection[Token],
        verdicts: Collection[Verdict],
        limit: int | None,
        consequences: Consequences | None,
    ) -> int:
        """Take everything from a child and forget it. ``limit`` None: nobody is charged."""
        held = self._held_by(child)
        now = self._clock.wall()
        for verdict in verdicts:
            self._settle_dead(judged(verdict, now), consequences)
        for entry in self._held_by(child):
            outcome = self._end_of_dead(entry, entry.begun or entry.job.token in begun, limit, now)
            if outcome is None:
                self._give_back(entry)
            else:
                self._settle_dead(outcome, consequences)
        dead = self._data.children.pop(child, None)
        if dead is not None and dead.worker in self._data.workers:
            self._data.workers[dead.worker].children.discard(child)
        return len(held)

    def _end_of_dead(self, entry: Entry, begun: bool, limit: int | None, now: float) -> Outcome | None:
        """Charge one job of a dead child. Returns how it ends, or None where it goes back."""
        token, started = entry.job.token, entry.job.started or now
        if begun and limit is not None:
            entry.job.charges += 1
        if begun and entry.once:
            return lost(token, started, now)
        if begun and limit is not None and entry.job.charges >= limit and not entry.revoked:
            return poisonous(token, started, now, entry.job.charges)
        return None

    def _settle_dead(self, outcome: Outcome, consequences: Consequences | None) -> None:
        entry = self._data.holder(outcome.token)
        self.settle([with_consequences(outcome, copied(entry.job) if entry else None, consequences)])

    # -- time and control --------------------------------------------------------------------------------------------------

    def promote(self, limit: int) -> float | None:
        """Let up to ``limit`` due jobs wait. Returns the seconds until the next is due, or None."""
        now = self._clock.wall()
        with self._data.lock:
            for _ in range(limit):
                due = self._data.next_due()
                if due is None or due[0] > now:
                    break
                self._data.let_wait(due[1])
            due = self._data.next_due()
            return None if due is None else max(0.0, due[0] - now)

    def control(self, command: Command) -> int:
        """Carry out ``command``; return how many jobs or queues it changed."""
        with self._data.lock:
            return carry_out(self._data, command, self._clock.wall())

    def doomed(self, worker: str) -> set[Token]:
        """Return the tokens of ``worker``'s running jobs that somebody asked to terminate."""
        with self._data.lock:
            known = self._data.workers.get(worker)
            held = [entry for child in known.children for entry in self._held_by(child)] if known else []
            return {entry.job.token for entry in held if entry.doomed}
