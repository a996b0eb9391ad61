"""What became of every tick: counted from the ledger that the jobs write, against the times that there had to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec


class Tick(msgspec.Struct, frozen=True):
    """A run of a job: of which periodic task, for which nominal time, and its id."""

    entry: str
    nominal: float
    id: str


class Verdict(msgspec.Struct, kw_only=True):
    """``extra``: ticks that must not have been, or were twice, as two jobs. ``again``: runs of one job beyond its first."""

    expected: int
    ticks: int
    missing: int
    extra: int
    again: int

    @property
    def is_red(self) -> bool:
        """Whether a promise was broken."""
        return bool(self.missing or self.extra)


def read(ledger: Path) -> list[Tick]:
    """Return the runs in a ledger: lines of nominal time, id and name."""
    if not ledger.exists():
        return []
    words = (line.split(" ", 2) for line in ledger.read_text().splitlines())
    return [Tick(name, datetime.fromisoformat(nominal).timestamp(), id) for nominal, id, name in words]


def judge(runs: Sequence[Tick], expected: Mapping[str, Iterable[float]]) -> Verdict:
    """Return what is missing and what is too much."""
    jobs = set(runs)
    seen = Counter((job.entry, round(job.nominal, 3)) for job in jobs)
    wanted = {(entry, round(time, 3)) for entry, times in expected.items() for time in times}
    return Verdict(
        expected=len(wanted),
        ticks=len(jobs),
        missing=len(wanted - seen.keys()),
        extra=sum(count - (tick in wanted) for tick, count in seen.items()),
        again=len(runs) - len(jobs),
    )
