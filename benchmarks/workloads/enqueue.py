"""How many jobs one process enqueues one by one, with nobody listening."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.producing import WARM_UP


def enqueue(bench: Bench) -> dict[str, float]:
    """Enqueue for some seconds."""
    flood = bench.ask("flood", first=bench.numbers(WARM_UP).start, seconds=bench.scale.flood_seconds)
    return {"enqueue, jobs/s": flood["count"] / flood["seconds"]}
