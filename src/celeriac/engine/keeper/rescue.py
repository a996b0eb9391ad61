"""Giving the jobs of the dead to the living: of one child at the master's word, of whole workers when their leases run out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from celeriac.engine.brokers.base import Consequences, Verdict
from celeriac.engine.clock import Clock
from celeriac.engine.faults import fault_point
from celeriac.engine.ipc.slots import SlotTable
from celeriac.engine.job import State, Token
from celeriac.engine.outcome import Failure


class Rescue:
    """Charges what was begun, ends what a verdict names, and returns the rest. ``worker`` is the name of this worker."""

    def __init__(
        self, broker: Any, worker: str, slots: SlotTable, limit: int, clock: Clock, consequences: Consequences | None = None
    ) -> None:
        self._broker = broker
        self._worker = worker
        self._slots = slots
        self._limit = limit
        self._clock = clock
        self._consequences = consequences

    def child(self, child: str, slot: int, verdicts: Sequence[Mapping[str, Any]] = (), charge: bool = True) -> int:
        """Rescue the jobs of a dead child. The slot still says what was running when it died."""
        fault_point("before-rescue")
        begun = [Token(entry.number, child, entry.delivery) for entry in self._slots.running(slot)] if charge else []
        judged = [self._verdict(child, verdict) for verdict in verdicts]
        named = {verdict.token for verdict in judged}
        rescued: int = self._broker.rescue(
            child=child,
            begun=[token for token in begun if token not in named],
            verdicts=judged,
            limit=self._limit if charge else None,
            consequences=self._consequences,
        )
        fault_point("after-rescue")
        return rescued

    def lapsed(self) -> int:
        """Rescue the jobs of every worker whose lease ran out."""
        rescued: int = self._broker.rescue(limit=self._limit, consequences=self._consequences)
        return rescued

    def _verdict(self, child: str, verdict: Mapping[str, Any]) -> Verdict:
        ago = self._clock.monotonic() - verdict["started"]  # the slots' times are monotonic
        return Verdict(
            token=Token(verdict["number"], child, verdict["delivery"]),
            state=State(verdict["state"]),
            failure=Failure(type=verdict["type"], module="celeriac.exceptions", message=verdict["message"]),
            started=self._clock.wall() - ago,
            worker=self._worker,
        )
