"""The verdicts of many runs as one page of Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.chaos.checker import Verdict
from tests.chaos.scenarios import RENEW_EVERY


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

Workers are killed, frozen and cut off from their server, and servers are killed and filled, while jobs come in; a ledger
outside the system counts what became of every job. Made by `make chaos` (`python -m tests.chaos --full`; one engine:
`make chaos ARGS="--engine valkey --full"`); the faults, the ledger and the checker are in `tests/chaos/`, the promises in
`docs/architecture.md`.

**wrong** counts everything that must never happen: jobs lost, stuck, run without being submitted, succeeded without having
run, settled twice or by a claim that was lost, begun twice though at most once was asked for, run again though nothing had
happened to their process, transactional effects that do not match, processes left behind, tracebacks in a worker's log, and a
server that answered for three seconds without a new job having begun.

A run is **inconclusive**, and counted as neither, where one of these went wrong that a machine can cause which stands still for
as long as a lease, and it did: the harness measures that. No such excuse is taken for a job that is lost, settled by a claim
that was lost, settled twice, or begun twice against its wish.

A *body* is one execution. *again* counts bodies beyond the first of a job: retries that the job asked for, and jobs whose
process was hit. *refused* counts settles of claims that were lost. *rescue* is the time from a fault to the next beginning of
a job that ran under it, *resumed* that from the server's first answer to the beginning of a job that was enqueued afterwards.

Servers write to the disk before they answer: PostgreSQL and MariaDB by default, Valkey with `appendfsync always` (with
`everysec`, its default, a server that is killed has forgotten up to a second of what it had accepted).
"""

SERVER_HEAD = """*server-kills*: `kill -9`, and started again after 0 to 20 seconds. *cuts*: a proxy cuts every connection, and
each that is made meanwhile after a random number of bytes. *half-open*: every connection leads nowhere from one moment on, and
nobody is told; counted from the time after which a silent server is given up. *full*: Valkey's `maxmemory` is exceeded,
RabbitMQ's memory alarm goes off, all connections of PostgreSQL and MariaDB are taken, for longer than a lease.
"""


def markdown(results: Sequence[Result], size: str) -> str:
    """Return the page."""
    first = results[0]
    lease = max(result.verdict.endures for result in results) + RENEW_EVERY
    about = [
        f"- Run: {size}, seed {first.seed}, commit {first.commit}, {sum(r.seconds for r in results) / 60:.0f} minutes of runs.",
        f"- Leases of {lease:g} s, renewed each {RENEW_EVERY:g} s (by default 15 s and 5 s), so that dying takes less long.",
        f"- Machine: {_cores()} cores, {_memory()} GB, {platform.system()}, Python {platform.python_version()}.",
        f"- It stood still for {max(r.verdict.stall for r in results):.2f} s at the longest.",
        f"- Together: {_sum(results, 'jobs')} jobs, {_sum(results, 'bodies')} bodies, {_faults(results):,} faults,",
        f"  **{sum(_wrong(r) for r in results)} wrong**, {sum(r.verdict.is_inconclusive for r in results)} runs inconclusive.",
    ]
    struck, of_servers = [r for r in results if _is_point(r)], [r for r in results if r.verdict.resumed]
    others = [r for r in results if r not in struck and r not in of_servers]
    parts = [HEAD, "\n".join(about), "\n## Faults of workers, under load\n", _table(others, "rescue")]
    if of_servers:
        parts += ["\n## Faults of servers and connections, under load\n", SERVER_HEAD, _table(of_servers, "resumed")]
    if struck:
        parts += ["\n## A kill at every named point\n", POINT_HEAD, _point_table(struck)]
    for title, chosen in (
        ("What went wrong", [r for r in results if r.verdict.is_red]),
        ("What the machine's own pauses may have done", [r for r in results if r.verdict.is_inconclusive]),
    ):
        if chosen:
            parts += [f"\n## {title}\n", "\n".join(_failure(r) for r in chosen)]
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


def _wrong(result: Result) -> int:
    return 0 if result.verdict.is_inconclusive else sum(result.verdict.wrong.values())


def _said(result: Result) -> str:
    return "inconclusive" if result.verdict.is_inconclusive else str(_wrong(result))


def _table(results: Sequence[Result], times: str) -> str:
    lines = [
        f"| engine | pool | scenario | faults | jobs | bodies | again | refused | {times} p50 / p99 / max s | wrong |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        v, found = r.verdict, getattr(r.verdict, times)
        seconds = f"{found['p50']:.2f} / {found['p99']:.2f} / {found['max']:.2f}" if found else ""
        lines.append(
            f"| {r.engine} | {r.pool} | {r.scenario} | {sum(v.faults.values())} | {v.jobs:,} | {v.bodies:,} | {v.duplicates} |"
            f" {v.refused} | {seconds} | {_said(r)} |"
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
    return f"{_said(result)} wrong of {result.verdict.jobs} jobs, {result.verdict.duplicates} again"


def _failure(result: Result) -> str:
    wrong = {name: count for name, count in result.verdict.wrong.items() if count}
    stall = f"; the machine stood still for {result.verdict.stall:g} s" if result.verdict.is_inconclusive else ""
    return f"- {result.engine}, {result.pool}, {result.scenario}: {wrong}; for example {result.verdict.examples}{stall}"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)


def write(path: Path, text: str) -> None:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
