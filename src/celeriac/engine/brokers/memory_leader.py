"""Which keeper of this process leads."""

from __future__ import annotations

from celeriac.engine.brokers.memory_data import MemoryData
from celeriac.engine.clock import Clock


class MemoryLeader:
    """Leads one duty until its time has run out."""

    def __init__(self, data: MemoryData, clock: Clock, duty: str) -> None:
        self._data = data
        self._clock = clock
        self._duty = duty

    def acquire(self, holder: str, seconds: float) -> bool:
        """Become or stay the leader for ``seconds``. Returns whether ``holder`` leads."""
        now = self._clock.wall()
        with self._data.lock:
            leading, until = self._data.leaders.get(self._duty, (holder, now))
            if leading != holder and until >= now:
                return False
            self._data.leaders[self._duty] = (holder, now + seconds)
            return True

    def release(self, holder: str) -> None:
        """Stop leading, if leading."""
        with self._data.lock:
            if self._data.leaders.get(self._duty, ("", 0.0))[0] == holder:
                del self._data.leaders[self._duty]
