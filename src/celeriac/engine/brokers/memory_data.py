"""What all connections to one in-memory broker share: the jobs, who holds them, who is alive, who sleeps.

Every method is called with ``lock`` held.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.job import Job, State, Token
from celeriac.engine.outcome import Attempt

_MUTABLE = ("headers", "metadata", "progress")


def copied(job: Job) -> Job:
    """Return a copy that shares nothing that can be changed."""
    twin = copy.copy(job)
    for name in _MUTABLE:
        if getattr(twin, name) is not None:
            setattr(twin, name, copy.deepcopy(getattr(twin, name)))
    return twin


@dataclass(slots=True)
class Entry:
    """A job and what only the broker knows of it."""

    job: Job
    attempts: list[Attempt] = field(default_factory=list)
    begun: bool = False
    once: bool = False
    revoked: bool = False
    doomed: bool = False


@dataclass(slots=True)
class Child:
    """A living child and what it holds, by number. The dead are forgotten: unknown and dead are the same."""

    worker: str
    held: dict[int, Entry] = field(default_factory=dict)


@dataclass(slots=True)
class Worker:
    """A living worker. ``lease`` is the wall time at which it runs out."""

    info: WorkerInfo
    lease: float
    children: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Rate:
    """When a task's next free turn is (wall time), and how far apart turns are where somebody said so."""

    next: float
    apart: float | None = None


class MemoryData:
    """The shared state, and the steps between states that keep its indexes right."""

    def __init__(self) -> None:
        self.lock = threading.Condition(threading.RLock())
        """Notified whenever a job has ended."""
        self.entries: dict[int, Entry] = {}
        self.numbers: dict[str, int] = {}
        self.workers: dict[str, Worker] = {}
        self.children: dict[str, Child] = {}
        self.paused: set[str] = set()
        self.sleepers: dict[str, tuple[frozenset[str], Callable[[], None]]] = {}
        self.keepers: set[Callable[[], None]] = set()
        self.leaders: dict[str, tuple[str, float]] = {}
        """Of each duty, who leads it until which wall time."""
        self.rates: dict[str, Rate] = {}
        self.turns: dict[int, int] = {}
        """Of each job that was put off by a rate limit, for which attempt (by the number of those ended)."""
        self.changes = 0
        self._next_number = itertools.count(1).__next__
        # Entries of both heaps go stale when a job is cancelled or changes its queue; whoever pops them looks again.
        self._waiting: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        self._scheduled: list[tuple[float, int]] = []

    # -- jobs --------------------------------------------------------------------------------------------------------------

    def accept(self, job: Job, now: float) -> None:
        """Take in a pushed job, unless its id is known."""
        if job.id in self.numbers:
            return
        kept = copied(job)
        kept.number, kept.child, kept.delivery = self._next_number(), "", 0
        kept.created = now if kept.created is None else kept.created
        self.entries[kept.number] = entry = Entry(kept)
        self.numbers[kept.id] = kept.number
        if kept.state is State.SCHEDULED:
            self.schedule(entry, kept.run_at or now)
        elif kept.state is State.WAITING:
            self.let_wait(entry)

    def find(self, id: str) -> Entry | None:
        """Return the entry of a job."""
        number = self.numbers.get(id)
        return None if number is None else self.entries[number]

    def holder(self, token: Token) -> Entry | None:
        """Return the entry that ``token`` is a valid claim of."""
        child = self.children.get(token.child)
        entry = child.held.get(token.number) if child else None
        return entry if entry is not None and entry.job.delivery == token.delivery else None

    def let_wait(self, entry: Entry) -> None:
        """Make a job claimable, and wake who sleeps for its queue."""
        entry.job.state = State.WAITING
        heapq.heappush(self._waiting[entry.job.queue], (-entry.job.priority, entry.job.number))
        self.wake(entry.job.queue)

    def schedule(self, entry: Entry, run_at: float) -> None:
        """Let a job wait for its time."""
        entry.job.state, entry.job.run_at = State.SCHEDULED, run_at
        heapq.heappush(self._scheduled, (run_at, entry.job.number))

    def take(self, queue: str) -> Iterator[Entry]:
        """Yield the jobs that wait in a queue, the most urgent first, removing each from the queue."""
        heap = self._waiting[queue]
        while heap:
            entry = self.entries.get(heapq.heappop(heap)[1])
            if entry is not None and entry.job.state is State.WAITING and entry.job.queue == queue:
                yield entry
        del self._waiting[queue]

    def next_due(self) -> tuple[float, Entry] | None:
        """Return the time of the next scheduled job, and the job; None when nothing is scheduled."""
        while self._scheduled:
            run_at, number = self._scheduled[0]
            entry = self.entries.get(number)
            if entry is not None and entry.job.state is State.SCHEDULED and entry.job.run_at == run_at:
                return run_at, entry
            heapq.heappop(self._scheduled)
        return None

    def let_go(self, entry: Entry) -> None:
        """End the claim of a job: its token is worth nothing from here on."""
        self.children[entry.job.child].held.pop(entry.job.number)
        entry.job.child = ""
        entry.begun = entry.once = entry.revoked = entry.doomed = False

    def end(self, entry: Entry, state: State, finished: float) -> None:
        """Put a job that nobody holds into a state that it leaves no more, or only by a person's word."""
        entry.job.state, entry.job.finished = state, finished
        self.lock.notify_all()

    def delete(self, entry: Entry) -> None:
        """Forget a job."""
        del self.entries[entry.job.number], self.numbers[entry.job.id]
        self.turns.pop(entry.job.number, None)

    # -- sleepers ----------------------------------------------------------------------------------------------------------

    def wake(self, queue: str) -> None:
        """Wake every armed child of a queue that is not paused."""
        self.changes += 1
        if queue in self.paused:
            return
        for queues, ring in self.sleepers.values():
            if queue in queues:
                ring()

    def wake_keepers(self) -> None:
        """Wake every watching keeper."""
        for ring in self.keepers:
            ring()

    def has_waiting(self, queues: Iterable[str]) -> list[str]:
        """Return those of ``queues`` that may have a job to claim."""
        return [queue for queue in queues if self._waiting.get(queue)]
