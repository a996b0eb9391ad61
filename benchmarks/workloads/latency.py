"""How long a job waits for an idle worker: from the call to the first line of its body."""

from __future__ import annotations

from statistics import quantiles

from benchmarks.bench import Bench

APART = 0.02


def latency(bench: Bench) -> dict[str, float]:
    """Enqueue one job each 20 ms. The first ones, which find a worker that has just started, do not count."""
    with bench.worker():
        bench.wait(bench.fill(20))
        numbers = bench.numbers(bench.scale.latencies)
        called = bench.ask("pace", first=numbers.start, count=len(numbers), apart=APART)
        bench.wait(numbers)
    ran = bench.clocks.times(numbers)
    waits = [(end - begin) * 1000 for begin, end in zip(called, ran, strict=True)]
    cuts = quantiles(waits, n=100)
    return {"latency p50, ms": cuts[49], "latency p99, ms": cuts[98]}
