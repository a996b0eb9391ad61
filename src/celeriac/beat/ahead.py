"""Planning shortly before the time, where so many entries are due at one that planning them then would make them late."""

from __future__ import annotations

import time
from collections.abc import Sequence

from celeriac.beat.planning import OF_A_ROW, Planning
from celeriac.beat.timetable import GRACE
from celeriac.engine.entry import Entry, IsLive, Step


class PlanningAhead:
    """A ``Planner`` that has some steps ready: each counts only for an entry that is just as it was when it was planned."""

    def __init__(self, plan: Planning) -> None:
        self._plan = plan
        self._ready: dict[int, tuple[Entry, Step]] = {}

    def __call__(self, entries: Sequence[Entry], now: float, is_live: IsLive) -> list[Step]:
        """Return a step for each entry."""
        return [self._ready_step(entry, now) or self._plan.step(entry, now, is_live) for entry in entries]

    def prepare(self, entries: Sequence[Entry], seconds: float) -> None:
        """Plan what is due soon, for so many seconds at most. What was ready before is forgotten."""
        self._ready.clear()
        deadline = time.monotonic() + seconds
        for entry in entries:
            if time.monotonic() >= deadline:
                return
            step = self._early_step(entry)
            if step is not None:
                self._ready[entry.id] = (entry, step)

    def _early_step(self, entry: Entry) -> Step | None:
        """Return the step for when an entry is due; None where that depends on what is not in its row, or on the moment."""
        if not isinstance(entry.next_run, float) or entry.held is not None or entry.overlap != "allow":
            return None
        try:
            step = self._plan.understood(entry, entry.next_run, _is_over)
        except OF_A_ROW:
            return None  # at its time it is stopped, with the reason
        is_of_the_moment = any(job.run_at is not None or job.expires is not None for job in step.jobs)
        return None if step.problem or is_of_the_moment else step

    def _ready_step(self, entry: Entry, now: float) -> Step | None:
        """Return the step that was planned, unless the row has changed or a second tick is due by now."""
        found = self._ready.pop(entry.id, None)
        if found is None or found[0] != entry or entry.next_run is None or now - entry.next_run >= GRACE:
            return None
        step = found[1]
        return step if step.next_run is None or step.next_run > now else None


def _is_over(id: str) -> bool:
    return False
