"""How long a claim takes with much and with little in the queue."""

from __future__ import annotations

from benchmarks.bench import Bench

FEW, MANY = 1_000, 1_000_000


def claims(bench: Bench) -> dict[str, float]:
    """Claim ten jobs at a time at both sizes of the queue."""
    many = MANY if bench.scale.jobs > 30_000 else 100_000
    function = "benchmarks.own.claims:percentiles"
    little = bench.ask("call", patience=600, function=function, arguments={"backlog": FEW})
    much = bench.ask("call", patience=1_200, function=function, arguments={"backlog": many})
    return {
        "claim p99 with 1,000, ms": little["p99"],
        f"claim p99 with {many:,}, ms": much["p99"],
        "claim p99, large against small": much["p99"] / little["p99"],
        "claim p50, large against small": much["p50"] / little["p50"],
    }
