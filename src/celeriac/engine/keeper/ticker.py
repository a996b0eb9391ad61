"""Firing what is due of the periodic tasks: a thread beside the keeper.

Any number of tickers may run: each tick and its job are written in one transaction (invariant 10). So there is no leader, and
nothing to take over when one of them dies.
"""

from __future__ import annotations

import logging
from typing import Protocol

from celeriac.engine.sidethread import SideThread

LOOK_EVERY = 1.0
"""Seconds after which a change of the table has taken effect."""
BATCH = 500


class Agenda(Protocol):
    """The periodic tasks, for one thread."""

    def fire(self, limit: int) -> float | None:
        """Fire what is due of up to ``limit`` periodic tasks.

        Returns the seconds until the next is due, or None for never. Raises ``BrokerUnavailable``.
        """

    def close(self) -> None:
        """Let go of every connection."""


class Ticker(SideThread):
    """The thread."""

    name = "ticker"
    duty = "Looking for periodic tasks that are due"
    meanwhile = "No tick is lost."
    logger = logging.getLogger("celeriac.ticker")

    def __init__(self, agenda: Agenda) -> None:
        super().__init__()
        self._agenda = agenda

    def _turn(self) -> float:
        until = self._agenda.fire(BATCH)
        return LOOK_EVERY if until is None else min(until, LOOK_EVERY)

    def _leave(self) -> None:
        self._agenda.close()
