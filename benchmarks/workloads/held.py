"""How long a claim takes while somebody holds a transaction open, so that nothing that died can be cleaned away."""

from __future__ import annotations

from benchmarks.bench import Bench

MINUTES = 10.0


def held(bench: Bench) -> dict[str, float]:
    """Push, claim and settle 200 jobs a second for ten minutes; the last minute counts."""
    minutes = MINUTES if bench.scale.jobs > 30_000 else 0.4
    arguments = {"seconds": minutes * 60, "last": min(60.0, minutes * 30)}
    found = bench.ask("call", patience=minutes * 60 + 120, function="benchmarks.own.held:percentiles", arguments=arguments)
    return {"claim p99 under an old transaction, ms": found["p99"]}
