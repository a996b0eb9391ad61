"""Moving ended jobs from the broker to a result store elsewhere, by one worker at a time.

The broker remembers a job until the store has it, so a crash repeats a batch, which changes nothing, and an outage of the store
costs room at the broker and nothing else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from celeriac.engine.brokers.resultstore import Record, ResultStore
from celeriac.engine.faults import fault_point
from celeriac.engine.job import State
from celeriac.engine.sidethread import LEAD_EVERY, LedThread

EVERY = 0.25
"""Seconds between two looks while there is nothing to move."""
BATCH = 500
YOUNG = 0.2
"""Seconds for which an ended job is left at the broker: who waits for it has been told to read it there."""
PRUNE_EVERY = 60.0


class ResultMover(LedThread):
    """The thread. ``broker`` and ``results`` are its own; ``holder`` is the worker's id; ``keep`` is how long, by state."""

    name = "results"
    duty = "Moving results to their store"
    meanwhile = "They stay at the broker; nothing is lost."
    logger = logging.getLogger("celeriac.results")
    first_backoff = EVERY

    def __init__(self, broker: Any, results: ResultStore, holder: str, keep: Mapping[str, float]) -> None:
        super().__init__(broker, holder)
        self._results = results
        self._ages = {State(state): age for state, age in keep.items()}
        self._cursor = 0
        self._refused: set[str] = set()
        """Ids that the store cannot keep. They stay at the broker, and are read there."""
        self._prune_at = time.monotonic() + PRUNE_EVERY / 4

    def _turn(self) -> float:
        """Move what there is, if this worker leads. Returns the seconds until the next turn."""
        if not self._leads():
            return LEAD_EVERY
        now = time.monotonic()
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
            self.logger.error(
                "Results that their store cannot keep, and that stay at the broker: %s.", ", ".join(sorted(refused))
            )
            self._refused |= refused
        fault_point("after-keep")
        kept = [record.job.number for record in ripe if record.job.id not in refused]
        self._broker.drop(kept)
        return len(kept)

    def _leave(self) -> None:
        self._results.close()
        super()._leave()


def _is_ripe(record: Record, now: float) -> bool:
    """Return whether a job has ended long enough ago. A time to come is that of another clock, and tells nothing.

    A record without a task is the word that a job on its way here was cancelled: it stays, so that the job is known on arrival.
    """
    ended = record.job.finished or 0.0
    return bool(record.job.task) and not 0.0 <= now - ended < YOUNG
