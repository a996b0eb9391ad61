"""How many jobs are enqueued and run at once, by one producer and a worker that share the machine."""

from __future__ import annotations

from benchmarks.bench import Bench


def sustained(bench: Bench) -> dict[str, float]:
    """Enqueue without a pause; count what had run when the time was over. The rest is the worker's to finish."""
    seconds = bench.scale.sustained_seconds
    with bench.worker():
        bench.wait(bench.fill(20))
        flood = bench.ask("flood", patience=seconds + 60, first=bench.numbers(0).start, seconds=seconds)
        numbers = bench.numbers(flood["stop"] - bench.numbers(0).start)
        bench.wait(numbers)
    end = flood["start"] + flood["seconds"]
    done = sum(flood["start"] <= ran <= end for ran in bench.clocks.times(numbers))
    return {"sustained, jobs/s": done / flood["seconds"]}
