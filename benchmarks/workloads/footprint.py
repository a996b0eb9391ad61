"""What a worker of two processes costs while it has nothing to do, and after it had."""

from __future__ import annotations

import time

from benchmarks.bench import Bench

SOME_JOBS = 2_000


def footprint(bench: Bench) -> dict[str, float]:
    """Measure from the start of the worker to its first job, then its memory (PSS) and processor when idle, and after work."""
    first = bench.fill(1)
    with bench.worker() as tree:
        bench.wait(first)
        started = bench.clocks.times(first)[0] - tree.begun
        time.sleep(bench.scale.rest_seconds)  # idle is what is measured
        idle = sum(tree.memory().values())
        used, begun = tree.processor_seconds(), time.monotonic()
        time.sleep(bench.scale.rest_seconds)
        busy = (tree.processor_seconds() - used) / (time.monotonic() - begun)
        bench.wait(bench.fill(SOME_JOBS))
        after = sum(tree.memory().values())
    return {
        "start to first job, s": started,
        "memory idle, MB": idle,
        "memory after work, MB": after,
        "idle, % of a core": busy * 100,
    }
