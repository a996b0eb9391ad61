"""How fast a worker of two processes empties a queue that was filled before it started."""

from __future__ import annotations

from benchmarks.bench import Bench

SAMPLE = 1_000


def drain(bench: Bench) -> dict[str, float]:
    """Take a sample of the speed, then drain for some seconds; measured from the first job that ran to the last."""
    rate = _drained(bench, SAMPLE)
    jobs = int(min(bench.scale.jobs, max(SAMPLE, rate * bench.scale.drain_seconds)))
    return {"drain, jobs/s": _drained(bench, jobs)}


def _drained(bench: Bench, jobs: int) -> float:
    numbers = bench.fill(jobs)
    with bench.worker():
        bench.wait(numbers)
    times = bench.clocks.times(numbers)
    return (jobs - 1) / (max(times) - min(times))
