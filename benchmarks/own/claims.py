"""Claims from a queue that stays as long as it is."""

from __future__ import annotations

from benchmarks.own import child as measuring
from benchmarks.peers.base import TEXT
from benchmarks.peers.celeriac_site.tasks import measured

CLAIMS = 300
AT_A_TIME = 10
FILLED_AT_ONCE = 100_000
_filled = [0]


def percentiles(backlog: int) -> dict[str, float]:
    """Fill the queue up to ``backlog`` jobs; claim and settle ten at a time, and put ten in their place."""
    for start in range(_filled[0], backlog, FILLED_AT_ONCE):
        _push(min(FILLED_AT_ONCE, backlog - start))
    _filled[0] = max(_filled[0], backlog)
    child, times = measuring.Child(), []
    for _ in range(CLAIMS):
        jobs, milliseconds = child.claim(AT_A_TIME)
        times.append(milliseconds)
        child.settle(jobs)
        _push(len(jobs))
    return measuring.percentiles(times[AT_A_TIME:])


def _push(count: int) -> None:
    measured.bulk([(0, TEXT)] * count)
