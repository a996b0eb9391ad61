"""How many jobs a system enqueues in its own way for many, where it has one."""

from __future__ import annotations

from benchmarks.bench import Bench


def bulk(bench: Bench) -> dict[str, float]:
    """Enqueue them all by one call of the adapter."""
    if not bench.has_bulk:
        return {}
    bench.fill(100)
    numbers = bench.numbers(bench.scale.jobs)
    return {"bulk, jobs/s": len(numbers) / bench.ask("fill", patience=600.0, first=numbers.start, count=len(numbers))}
