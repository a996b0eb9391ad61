"""A clock that moves only when a test says so."""

from __future__ import annotations

import threading


class FakeClock:
    """A ``celeriac.engine.clock.Clock``: wall and monotonic time in seconds, advanced by hand and from any thread."""

    def __init__(self, wall: float = 1_750_000_000.0, monotonic: float = 1_000.0) -> None:
        self._lock = threading.Lock()
        self._wall = wall
        self._monotonic = monotonic

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self._wall

    def monotonic(self) -> float:
        """Seconds since an arbitrary start."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks. Raises ``ValueError`` for a negative number: monotonic time never goes back."""
        if seconds < 0:
            raise ValueError(f"advance({seconds!r}): time does not run backwards; set_wall() puts the wall clock back.")
        with self._lock:
            self._wall += seconds
            self._monotonic += seconds

    def set_wall(self, wall: float) -> None:
        """Put the wall clock forward or back, as an administrator or NTP does. Monotonic time is not touched."""
        with self._lock:
            self._wall = wall
