"""Keeping this worker's lease, and knowing when others' may be judged."""

from __future__ import annotations

from typing import Any

from celeriac.engine.clock import Clock
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.faults import fault_point


class Leases:
    """Renews the worker's lease, and remembers since when the broker has accepted our renewals without a gap.

    After an outage, a restart or a long write lock every lease looks run out although its worker lives. So nobody is judged
    until the broker has taken writes for one whole lease: by then each living worker has renewed (invariant 6).
    """

    def __init__(self, broker: Any, worker: str, lease: float, every: float, clock: Clock) -> None:
        self._broker = broker
        self._worker = worker
        self.lease = lease
        self.every = every
        self._clock = clock
        self._renewed: float | None = None
        self._steady_since: float | None = None

    def due_in(self) -> float:
        """Return the seconds until the next renewal."""
        return 0.0 if self._renewed is None else self._renewed + self.every - self._clock.monotonic()

    def renew(self) -> bool:
        """Renew. Returns False when the broker has declared this worker dead. Raises ``BrokerUnavailable``."""
        fault_point("before-renew")
        try:
            alive: bool = self._broker.renew(self._worker, self.lease)
        except BrokerUnavailable:
            self._steady_since = None
            raise
        fault_point("after-renew")
        now = self._clock.monotonic()
        if self._renewed is None or self._steady_since is None or now - self._renewed > 2 * self.every:
            self._steady_since = now
        self._renewed = now
        return alive

    def may_judge(self) -> bool:
        """Return whether other workers' leases may be taken at their word."""
        if self._steady_since is None or self._renewed is None:
            return False
        now = self._clock.monotonic()
        return now - self._renewed <= 2 * self.every and now - self._steady_since >= self.lease
