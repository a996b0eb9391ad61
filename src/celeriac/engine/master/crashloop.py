"""When the next process may be started: at once, or after a pause where the last ones ended as soon as they began."""

from __future__ import annotations

import time

YOUNG = 1.0
"""A child that lived less long than this (seconds) counts towards a pause before the next one."""
FREE_CRASHES = 3
"""So many young deaths in a row are answered at once."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


class CrashLoop:
    """Counts deaths in a row and doubles the pause with each. Owned by the master."""

    def __init__(self) -> None:
        self._crashes = 0
        self._until = 0.0

    @property
    def pausing(self) -> bool:
        """Whether nothing may be started yet."""
        return time.monotonic() < self._until

    def child_crashed(self, age: float, killed_by_us: bool) -> None:
        """A child ended with an error, ``age`` seconds old."""
        self._crashes = self._crashes + 1 if age < YOUNG and not killed_by_us else 0
        if self._crashes > FREE_CRASHES:
            self._pause(self._crashes - FREE_CRASHES)

    def template_crashed(self) -> None:
        """A template ended unasked. To import the project again is expensive, so there is a pause from the first time on."""
        self._crashes += 1
        self._pause(self._crashes)

    def recovered(self) -> None:
        """A child got as far as taking jobs."""
        self._crashes = 0

    def _pause(self, doublings: int) -> None:
        self._until = time.monotonic() + min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE)
