"""How many jobs a child asks for: its free slots, and as much besides as it will finish in about 50 ms."""

from __future__ import annotations

LOOK_AHEAD = 0.05
"""Seconds of work a child may hold beyond what it can start at once."""
SLOW = 0.05
"""A job that runs longer is slow: what was claimed with it goes back."""
MOST = 500
_WEIGHT = 0.5


class Fetcher:
    """Measures how long jobs take here, and turns that into the size of the next claim. Owned by the child's main thread.

    The first claims are small and grow at most fourfold a step, so that a queue of long jobs is never hoarded on a guess.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.average = LOOK_AHEAD
        self.last = 1

    def look_ahead(self) -> int:
        """Return how many jobs take about ``LOOK_AHEAD`` seconds in one thread; at least 1."""
        self.last = max(1, min(int(LOOK_AHEAD / self.average), self.last * 4, self.most))
        return self.last

    def ran(self, jobs: int, seconds: float) -> None:
        """Learn that ``jobs`` jobs took ``seconds`` in all."""
        self.average += _WEIGHT * (max(seconds, 1e-6) / max(jobs, 1) - self.average)

    def late(self) -> None:
        """Learn that a job could not begin in time: look no further ahead until some have run."""
        self.average, self.last = LOOK_AHEAD, 1
