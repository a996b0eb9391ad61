"""From one broker to another: what waits, is delayed or is parked, in the order of its arrival; paused queues, and rates.

A job is accepted there before it is taken away here, so an interruption loses none; and since a broker leaves a job whose id it
knows as it is, the next try doubles none. Nothing but the seams of ``engine/brokers/base.py`` is used, so any two engines do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec

from celeriac.conf.brokers import without_password
from celeriac.engine.brokers.base import Cancel, Pace, Pause, Resume
from celeriac.engine.brokers.factory import connect
from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.faults import fault_point
from celeriac.engine.job import LIVE, Job, State, Token
from celeriac.engine.outcome import Failure, Outcome
from celeriac.engine.translation import gettext as _
from celeriac.outbox import address

MOVED = (State.WAITING, State.SCHEDULED, State.PARKED)
PAGE = 500
_NOBODY = Token(0, "", 0)
_UNKNOWN = Failure(type="Parked", module="celeriac", message="The reason was not kept.")


class Move:
    """One move. ``progress`` is called with the number of jobs after each page that is over.

    ``queues`` are those that the project names: a broker such as RabbitMQ cannot be asked which it has.
    """

    def __init__(
        self, source: str, target: str, progress: Callable[[int], None] | None = None, queues: Collection[str] = ()
    ) -> None:
        for url in (source, target):
            _refuse_memory(url)
        if address(source) == address(target):
            text = _("{url} is both ends of the move: name two brokers.")
            raise ImproperlyConfigured(text.format(url=without_password(source)))
        self.source: Any = connect(source)
        self.target: Any = connect(target)
        self._from = without_password(source)
        self._progress = progress or (lambda moved: None)
        self._queues = queues

    def open(self) -> None:
        """Connect to both, and gather what there is where it can be counted.

        Raises ``BrokerUnavailable``, ``SchemaMissing``, and ``ImproperlyConfigured`` where workers run.
        """
        self.source.open()
        self.target.open()
        running = [worker.name for worker in self.source.workers()]
        if running:
            raise ImproperlyConfigured(
                _(
                    "Workers still take jobs from {url}: {names}. A job that one of them runs while it is moved would run"
                    " twice. Stop them first; one that was killed is forgotten after 15 s."
                ).format(url=self._from, names=", ".join(running))
            )
        self._gather()

    def close(self) -> None:
        """Let go of both."""
        self.source.close()
        self.target.close()

    def run(self) -> int:
        """Move until nothing is left to move. Returns how many jobs were."""
        self.source.rescue(limit=None)  # what workers that were killed still hold waits again
        self._move_pauses()
        self._move_rates()
        moved = 0
        while jobs := sum(self._move_all(state) for state in MOVED):
            moved += jobs  # and look again: callers may have enqueued meanwhile
            self._gather()
        return moved

    def left(self) -> int:
        """Return how many jobs the source has that have not ended."""
        return total(self.source, (*LIVE, State.PARKED))

    def _gather(self) -> None:
        """Have a broker that has a store of its own behind it, as RabbitMQ has, bring everything in there."""
        bring_in = getattr(self.source, "bring_in", None)
        if bring_in is not None:
            bring_in(sorted({*self._queues, *filter(None, self.source.counts())}))

    def _move_pauses(self) -> None:
        """Before the jobs, so that none of a paused queue starts there; and taken away here, so that they are moved once."""
        paused = tuple(queue.name for queue in self.source.snapshot().queues if queue.paused)
        if paused:
            self.target.control(Pause(paused))
            self.source.control(Resume(paused))

    def _move_rates(self) -> None:
        """A rate that was set there already stays."""
        there = self.target.paced()
        for task, apart in self.source.paced().items():
            if task not in there:
                self.target.control(Pace(task, apart))
            self.source.control(Pace(task, None))

    def _move_all(self, state: State) -> int:
        moved = 0
        for before in reversed(list(self._pages(state))):
            jobs: list[Job] = self.source.find({"state": state}, PAGE, before)
            if jobs:
                self._move(state, jobs[::-1])
                moved += len(jobs)
                self._progress(len(jobs))
        return moved

    def _pages(self, state: State) -> Iterator[int | None]:
        """Yield where each page begins, the newest first, as stores have them."""
        before: int | None = None
        while jobs := self.source.find({"state": state}, PAGE, before):
            yield before
            before = jobs[-1].number

    def _move(self, state: State, jobs: Sequence[Job]) -> None:
        if state is State.PARKED:
            for job in jobs:
                self._park(job)
        else:
            self.target.push([_as_new(job) for job in jobs])
        fault_point("after-move")
        ids = tuple(job.id for job in jobs)
        self.source.control(Cancel(ids))
        self.source.forget(ids)

    def _park(self, job: Job) -> None:
        failures = [attempt for attempt in self.source.attempts(job.id) if attempt.failure is not None]
        failure = failures[-1].failure if failures else _UNKNOWN
        ended = job.finished or time.time()
        outcome = Outcome(
            token=_NOBODY, state=State.PARKED, started=job.started or ended, finished=ended, failure=failure, worker=job.worker,
            counts=False,
        )  # fmt: skip
        self.target.remember(_as_new(job), outcome)


def total(broker: Any, states: Sequence[State] = MOVED) -> int:
    """Return how many jobs a broker has in these states."""
    counts: dict[str, dict[State, int]] = broker.counts()
    return sum(number for by_state in counts.values() for state, number in by_state.items() if state in states)


def _as_new(job: Job) -> Job:
    """Return a job as its caller enqueued it, with what its last retry has changed and the number of its attempts."""
    return msgspec.structs.replace(
        job, number=0, child="", delivery=0, charges=0, started=None, finished=None, result=None, worker=None, progress=None
    )


def _refuse_memory(url: str) -> None:
    if url.startswith("memory:"):
        raise ImproperlyConfigured(_("memory:// is the memory of one process; nothing can be moved to or from it."))
