"""Moving ended jobs from the broker to a result store elsewhere, by one worker at a time.

A thread beside the keeper, with connections of its own: a result store that hangs must not keep the keeper from renewing the
lease. The broker remembers a job until the store has it, so a crash repeats a batch, which changes nothing, and an outage of
the store costs room at the broker and nothing else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from celeriac.engine.brokers.resultstore import Record, ResultStore
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.faults import fault_point
from celeriac.engine.job import State
from celeriac.engine.worker.project import Project

logger = logging.getLogger("celeriac.results")

EVERY = 0.25
"""Seconds between two looks while there is nothing to move."""
BATCH = 500
YOUNG = 0.2
"""Seconds for which an ended job is left at the broker: who waits for it has been told to read it there."""
LEAD = 5.0
"""Seconds after which another worker takes over from one that has died."""
LEAD_EVERY = 1.0
PRUNE_EVERY = 60.0
LONGEST_BACKOFF = 30.0
PATIENCE = 5.0
"""Seconds that a stop waits for a batch on its way."""


@contextmanager
def moving_results(project: Project, holder: str) -> Iterator[None]:
    """Move results for the time of a ``with`` block, where the project keeps them elsewhere."""
    results = project.results()
    if results is None:
        yield
        return
    mover = ResultMover(project.connect(), results, holder, project.options.keep)
    mover.start()
    try:
        yield
    finally:
        mover.stop()


class ResultMover:
    """The thread. ``broker`` and ``results`` are its own; ``holder`` is the worker's id; ``keep`` is how long, by state."""

    def __init__(self, broker: Any, results: ResultStore, holder: str, keep: Mapping[str, float]) -> None:
        self._broker = broker
        self._leader = broker.leader("results")
        self._results = results
        self._holder = holder
        self._ages = {State(state): age for state, age in keep.items()}
        self._cursor = 0
        self._refused: set[str] = set()
        """Ids that the store cannot keep. They stay at the broker, and are read there."""
        self._lead_at = 0.0
        self._prune_at = time.monotonic() + PRUNE_EVERY / 4
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="celeriac-results", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and let somebody else lead at once."""
        self._stopped.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            try:
                pause = self._turn()
            except BrokerUnavailable as error:
                pause = min(2 * pause + EVERY, LONGEST_BACKOFF)
                logger.warning("%s Results stay at the broker; trying again in %.1f s; nothing is lost.", error, pause)
            except Exception:
                pause = min(2 * pause + EVERY, LONGEST_BACKOFF)
                logger.exception("Results stay at the broker, since moving them broke; trying again in %.1f s.", pause)
        self._leave()

    def _turn(self) -> float:
        """Move what there is, if this worker leads. Returns the seconds until the next turn."""
        now = time.monotonic()
        if now >= self._lead_at:
            if not self._leader.acquire(self._holder, LEAD):
                return LEAD_EVERY
            self._lead_at = now + LEAD_EVERY
        if self._ages and now >= self._prune_at:
            more = self._results.prune(self._ages, BATCH) == BATCH
            self._prune_at = now if more else now + PRUNE_EVERY
        return 0.0 if self.move() else EVERY

    def move(self) -> int:
        """Move a batch: of the oldest, or else of where the last look ended. Returns how many jobs it was."""
        records, after = self._broker.ended(BATCH)
        moved = self._move(records)
        if not moved and after:
            records, self._cursor = self._broker.ended(BATCH, max(after, self._cursor))
            moved = self._move(records)
        return moved

    def _move(self, records: Sequence[Record]) -> int:
        ripe = [record for record in records if record.job.id not in self._refused and _is_ripe(record, time.time())]
        if not ripe:
            return 0
        refused = self._results.keep(ripe)
        if refused:
            logger.error("Results that their store cannot keep, and that stay at the broker: %s.", ", ".join(sorted(refused)))
            self._refused |= refused
        fault_point("after-keep")
        kept = [record.job.number for record in ripe if record.job.id not in refused]
        self._broker.drop(kept)
        return len(kept)

    def _leave(self) -> None:
        try:
            self._leader.release(self._holder)
        except BrokerUnavailable as error:
            logger.info("%s Another worker moves the results a little later.", error)
        self._results.close()
        self._broker.close()


def _is_ripe(record: Record, now: float) -> bool:
    """Return whether a job has ended long enough ago. A time to come is that of another clock, and tells nothing.

    A record without a task is the word that a job on its way here was cancelled: it stays, so that the job is known on arrival.
    """
    ended = record.job.finished or 0.0
    return bool(record.job.task) and not 0.0 <= now - ended < YOUNG
