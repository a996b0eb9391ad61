"""Two clocks, always injected: wall time for what is stored, monotonic time for how long something took."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the engine asks for the time.

    A test passes ``celeriac.testing.clock.FakeClock``; nothing in the engine calls ``time.time()`` by itself.
    """

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC. It may jump; use it only for what is stored or shown."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start, the same for every process of this machine. It never jumps."""
        ...


class SystemClock:
    """The clocks of the operating system."""

    wall = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
