"""Nobody waits behind a long job: what a busy child holds and has not begun goes back within 100 ms (invariant 9).

The keeper does it, not the child, because a job may hold the GIL in one long C call. What is given back is named by token, so
a release that arrives late cannot touch what the child has claimed since.
"""

from __future__ import annotations

from typing import Any

from celeriac.engine.clock import Clock
from celeriac.engine.faults import fault_point
from celeriac.engine.ipc.slots import Running, SlotTable
from celeriac.engine.job import Token

SLOW = 0.075
"""Seconds after which a running job is slow: above the child's own 50 ms, so that both agree."""


class Release:
    """Looks at the slots; for each child whose job is slow, begins that job at the broker and gives its neighbours back."""

    def __init__(self, broker: Any, slots: SlotTable, clock: Clock, threads: int) -> None:
        self._broker = broker
        self._slots = slots
        self._clock = clock
        self._threads = threads
        self._seen: dict[str, set[tuple[int, int]]] = {}

    def look(self, children: dict[str, int]) -> int:
        """Look at each child (id to slot) once. Returns how many jobs went back."""
        for child in self._seen.keys() - children.keys():
            del self._seen[child]
        return sum(self._look_at(child, slot) for child, slot in children.items())

    def _look_at(self, child: str, slot: int) -> int:
        now = self._clock.monotonic()
        running = self._slots.running(slot)
        slow = [entry for entry in running if now - entry.started > SLOW]
        known = self._seen.get(child, set())
        new = [entry for entry in slow if (entry.number, entry.delivery) not in known]
        self._seen[child] = {(entry.number, entry.delivery) for entry in slow}
        if not new:
            return 0
        self._broker.begin([Token(entry.number, child, entry.delivery) for entry in new])
        blocking = self._blocking(slow)
        return self._give_back(child, slot, running, blocking) if blocking else 0

    def _blocking(self, slow: list[Running]) -> set[Running]:
        """Return the slow bodies behind which the rest waits: the one in the main thread, or as many as there are threads.

        Only slow ones count. Behind others a child may have looked ahead a moment ago, and what it claimed may still begin.
        """
        main = {entry for entry in slow if entry.main}
        threads = {entry for entry in slow if not entry.loop and not entry.main}
        return main or (threads if len(threads) >= self._threads else set())

    def _give_back(self, child: str, slot: int, before: list[Running], blocking: set[Running]) -> int:
        busy = {Token(entry.number, child, entry.delivery) for entry in before}
        rest = self._broker.held(child) - busy
        if not rest or not blocking <= set(self._slots.running(slot)):
            return 0  # nothing to give, or what blocked has ended meanwhile and the child sees to the rest
        ended = self._slots.ended(slot)  # their outcomes are on the way; a body that holds the GIL may keep them there for long
        rest = {token for token in rest if (token.number, token.delivery) not in ended}
        fault_point("before-release")
        released: int = self._broker.release(rest)
        return released
