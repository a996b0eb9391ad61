"""The verdicts of many runs as one page of Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.chaos.checker import Verdict
from tests.chaos.scenarios import LEASE, RENEW_EVERY


class Result(msgspec.Struct, kw_only=True):
    """One run, as it is printed: one JSON line."""

    scenario: str
    engine: str
    pool: str
    seed: int
    commit: str
    seconds: float
    verdict: Verdict


HEAD = """# Chaos report

Workers are killed, frozen and cut off from their database while jobs come in, and a ledger outside the system counts what
became of every job. Made by `make chaos` (`python -m tests.chaos --full`); the faults, the ledger and the checker are in
`tests/chaos/`, the promises in `docs/architecture.md`.

**wrong** counts everything that must never happen: jobs lost, stuck, run without being submitted, succeeded without having
run, settled twice or by a claim that was lost, begun twice though at most once was asked for, run again though nothing had
happened to their process, transactional effects that do not match, processes left behind, and tracebacks in a worker's log.

A *body* is one execution. *again* counts bodies beyond the first of a job: retries that the job asked for, and jobs whose
process was hit. *refused* counts settles of claims that were lost. *rescue* is the time from a fault to the next beginning of
a job that ran under it.
"""


def markdown(results: Sequence[Result], size: str) -> str:
    """Return the page."""
    first = results[0]
    about = [
        f"- Run: {size}, seed {first.seed}, commit {first.commit}, {sum(r.seconds for r in results) / 60:.0f} minutes of runs.",
        f"- Leases of {LEASE:g} s, renewed each {RENEW_EVERY:g} s (by default 15 s and 5 s), so that dying takes less long.",
        f"- Machine: {_cores()} cores, {_memory()} GB, {platform.system()}, Python {platform.python_version()}.",
        f"- Together: {_sum(results, 'jobs')} jobs, {_sum(results, 'bodies')} bodies, {_faults(results):,} faults,",
        f"  **{sum(sum(r.verdict.wrong.values()) for r in results)} wrong**.",
    ]
    parts = [HEAD, "\n".join(about), "\n## Faults under load\n", _table([r for r in results if not _is_point(r)])]
    struck = [r for r in results if _is_point(r)]
    if struck:
        parts += ["\n## A kill at every named point\n", POINT_HEAD, _point_table(struck)]
    red = [r for r in results if r.verdict.is_red]
    if red:
        parts += ["\n## What went wrong\n", "\n".join(_failure(r) for r in red)]
    return "\n".join(parts) + "\n"


POINT_HEAD = """Every process of the worker that passes the point kills itself there, and so does its successor, until the
whole worker is killed and another takes over.
"""


def _is_point(result: Result) -> bool:
    return result.scenario.startswith("point ")


def _sum(results: Sequence[Result], name: str) -> str:
    return f"{sum(getattr(result.verdict, name) for result in results):,}"


def _faults(results: Sequence[Result]) -> int:
    return sum(sum(result.verdict.faults.values()) for result in results)


def _table(results: Sequence[Result]) -> str:
    lines = [
        "| engine | pool | scenario | faults | jobs | bodies | again | refused | rescue p50 / p99 / max s | wrong |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        v, times = r.verdict, r.verdict.rescue
        rescue = f"{times['p50']:.2f} / {times['p99']:.2f} / {times['max']:.2f}" if times else ""
        lines.append(
            f"| {r.engine} | {r.pool} | {r.scenario} | {sum(v.faults.values())} | {v.jobs:,} | {v.bodies:,} | {v.duplicates} |"
            f" {v.refused} | {rescue} | {sum(v.wrong.values())} |"
        )
    return "\n".join(lines)


def _point_table(results: Sequence[Result]) -> str:
    engines = list(dict.fromkeys(result.engine for result in results))
    lines = [f"| point | {' | '.join(engines)} |", "|---|" + "---|" * len(engines)]
    for scenario in dict.fromkeys(result.scenario for result in results):
        cells = [next((_cell(r) for r in results if (r.scenario, r.engine) == (scenario, engine)), "") for engine in engines]
        lines.append(f"| {scenario.removeprefix('point ')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(result: Result) -> str:
    wrong = sum(result.verdict.wrong.values())
    return f"{wrong} wrong of {result.verdict.jobs} jobs, {result.verdict.duplicates} again"


def _failure(result: Result) -> str:
    wrong = {name: count for name, count in result.verdict.wrong.items() if count}
    return f"- {result.engine}, {result.pool}, {result.scenario}: {wrong}; for example {result.verdict.examples}"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)


def write(path: Path, text: str) -> None:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
