"""Forgetting: ended jobs past their age, and what is left of workers long gone, by one keeper at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celeriac.engine.clock import Clock
from celeriac.engine.job import State

EVERY = 60.0
BATCH = 1000
BATCHES = 20


class Prune:
    """Deletes in small batches, so that no claim waits long for a lock."""

    def __init__(self, broker: Any, holder: str, keep: Mapping[str, float], clock: Clock) -> None:
        self._broker = broker
        self._holder = holder
        self._ages = {State(state): age for state, age in keep.items()}
        self._clock = clock
        self._next = clock.monotonic() + EVERY / 4

    def due(self) -> bool:
        """Return whether it is time."""
        return self._clock.monotonic() >= self._next

    def prune(self) -> int:
        """Delete what is too old, if this keeper leads. Returns how many jobs were deleted."""
        self._next = self._clock.monotonic() + EVERY
        if not self._broker.leader("prune").acquire(self._holder, 2 * EVERY):
            return 0
        deleted = 0
        for _ in range(BATCHES):
            batch = self._broker.prune(self._ages, BATCH)
            deleted += batch
            if batch < BATCH:
                break
        return deleted
