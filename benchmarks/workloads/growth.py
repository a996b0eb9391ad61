"""How much a process of the worker grows over a million jobs."""

from __future__ import annotations

from benchmarks.bench import Bench

FULL = 1_000_000
AT_ONCE = 100_000


def growth(bench: Bench) -> dict[str, float]:
    """Compare the memory of each process after some thousand jobs with that after all of them."""
    jobs = FULL if bench.scale.jobs > 30_000 else AT_ONCE
    with bench.worker() as tree:
        bench.wait(bench.fill(20_000))
        before = tree.memory()
        for _ in range(jobs // AT_ONCE):
            bench.wait(bench.fill(AT_ONCE))
        after = tree.memory()
    return {"growth, MB a process": max(size - before[pid] for pid, size in after.items() if pid in before)}
