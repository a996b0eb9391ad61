"""How long a child that is fed a few jobs at a time waits for some more, so that it claims and settles them together."""

from __future__ import annotations

from collections.abc import Sequence

from celeriac.engine.clock import Clock
from celeriac.engine.job import Job

STREAM = 4
"""Claims in a row that found something. Then jobs come faster than one at a time can be claimed and settled."""
SHARE = 4
"""In a stream, a child waits this many times as long as its last claim took: it asks a fifth of its time at most."""
LONGEST = 0.01
"""Seconds that a job, and the result of the one before it, may wait for company."""


class Gathering:
    """Owned by the child's main thread, which waits ``left()`` seconds before it settles and claims.

    Who comes alone waits for nothing, since the claim after it finds nothing. Nobody waits either where more jobs are there
    than could be claimed, where bodies take longer than the wait, or for a job that another one has made: the next step of a
    workflow comes when this one is settled, not before.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._found = 0
        """How many claims in a row have found something."""
        self._begun = 0.0
        self._until = 0.0

    def left(self) -> float:
        """Return the seconds to wait now; 0 or less for none."""
        return self._until - self._clock.monotonic() if self._until else 0.0

    def begin(self) -> None:
        """A claim begins."""
        self._begun = self._clock.monotonic()

    def claimed(self, jobs: Sequence[Job], wanted: int) -> None:
        """The claim is over, and has found these of the number that was wanted."""
        self._found = self._found + 1 if jobs else 0
        self._until = 0.0
        if self._found >= STREAM and len(jobs) < wanted and all(job.parent is None for job in jobs):
            now = self._clock.monotonic()
            self._until = now + min(SHARE * (now - self._begun), LONGEST)
