"""Time that passes faster for tickers: the database's clock, sped up where a ticker reads it. Projects of these runs import it.

What a ticker waits for, and the grace for what is late, are sped up with it. All else keeps the time of the machine: timeouts,
leases, how long a process takes to start. So everything that goes wrong lasts ``speed`` times as long for the schedule.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celeriac.beat import timetable
from celeriac.engine.brokers.sql import rows
from celeriac.engine.brokers.sql.agenda import BUSY, SQLAgenda

MUTE = "BEAT_CHAOS_MUTE"
"""Set for a process that must not tick."""


def install(begun: float, start: float, speed: float, folder: str) -> None:
    """Have tickers of this process, and of those it forks, live ``speed`` times as fast: what was ``begun`` is ``start``.

    Each writes a sign into a file of its own where it has fired: so it is seen who is the busiest.
    """
    if MUTE in os.environ:
        vars_of_agenda(fire=lambda self, limit: None)
        return
    fire = SQLAgenda.fire

    def look(self: Any) -> tuple[float | None, float]:
        [[first, unplanned, now]] = self._broker.read("agenda")
        time = start + ((rows.seconds(now) or 0.0) - begun) * speed
        if unplanned:
            return 0.0, time
        return (None if first is None else (rows.seconds(first) or 0.0) - time), time

    def fire_faster(self: SQLAgenda, limit: int) -> float | None:
        until = fire(self, limit)
        if until == 0.0:
            with (Path(folder) / f"fired-{os.getpid()}").open("a") as file:
                file.write(".")
        return until if until in (None, BUSY) else max(0.0, until) / speed

    vars_of_agenda(_next=look, fire=fire_faster)
    timetable.GRACE *= speed


def vars_of_agenda(**methods: Any) -> None:
    """Replace methods of the agenda."""
    for name, method in methods.items():
        setattr(SQLAgenda, name, method)
