"""``python -m tests.chaos``: kill, freeze and cut off workers under load, and count what was lost. One JSON line a run."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import django
import msgspec
from django.conf import settings

if TYPE_CHECKING:
    from tests.chaos.checker import Verdict
    from tests.chaos.report import Result
    from tests.chaos.scenarios import Size, Stage

ENGINES = ("sqlite", "postgres")
POOLS = ("prefork", "threads", "asyncio", "solo")
ROOT = Path(__file__).parents[2]


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--engine", choices=(*ENGINES, "all"), default="all")
    parser.add_argument("--pool", choices=(*POOLS, "all"), default="all")
    parser.add_argument("--only", metavar="TEXT", default="", help="only scenarios whose name contains this")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--short", dest="size", action="store_const", const="short", default="full")
    size.add_argument("--full", dest="size", action="store_const", const="full")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--commit", default="", help="what to write into the report, where this is not a repository")
    parser.add_argument("--report", type=Path, help="write a page of Markdown here")
    parser.add_argument("--results", type=Path, nargs="+", help="run nothing: make the report from these files of JSON lines")
    return parser.parse_args()


def main() -> int:
    """Run what was asked for. Returns 1 where anything went wrong."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whoever stops the run leaves no worker behind
    settings.configure(DATABASES={}, INSTALLED_APPS=["celeriac"], USE_TZ=True)
    django.setup()
    from tests.chaos import report  # with Django configured

    results = []
    for result in recorded(options.results) if options.results else run(options):
        results.append(result)
        print(msgspec.json.encode(result).decode(), flush=True)  # noqa: T201 - the output of this program
    if options.report and results:
        report.write(options.report, report.markdown(results, options.size))
    return int(any(result.verdict.is_red for result in results))


def recorded(files: Sequence[Path]) -> Iterator[Result]:
    """Yield the results that earlier runs printed."""
    from tests.chaos.report import Result

    for file in files:
        for line in file.read_text().splitlines():
            yield msgspec.json.decode(line.encode(), type=Result)


def run(options: argparse.Namespace) -> Iterator[Result]:
    """Yield the result of each run."""
    from celeriac.testing.servers import PostgresServer
    from tests.chaos.scenarios import Stage

    commit = options.commit or revision()
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer()) if options.engine != "sqlite" else None
        for number, (engine, pool, name, play) in enumerate(plan(options)):
            folder = Path(tempfile.mkdtemp(prefix="celeriac-chaos-"))
            stage = Stage(
                engine=engine, pool=pool, seed=options.seed, folder=folder, server=server if engine == "postgres" else None,
                name=f"chaos_{number}",
            )  # fmt: skip
            result = measured(stage, name, commit, play)
            if result.verdict.is_red:
                sys.stderr.write(f"{name} went wrong; its ledger and logs are in {folder}\n")
            else:
                shutil.rmtree(folder)
            yield result


def measured(stage: Stage, name: str, commit: str, play: Callable[[Stage], Verdict]) -> Result:
    """Play one scenario."""
    from tests.chaos.report import Result

    begun = time.monotonic()
    verdict = play(stage)
    return Result(
        scenario=name, engine=stage.engine, pool=stage.pool, seed=stage.seed, commit=commit,
        seconds=round(time.monotonic() - begun, 1), verdict=verdict,
    )  # fmt: skip


def plan(options: argparse.Namespace) -> Iterator[tuple[str, str, str, Callable[[Stage], Verdict]]]:
    """Yield engine, pool, name and function of every scenario that was asked for."""
    for engine in ENGINES if options.engine == "all" else (options.engine,):
        for pool in POOLS if options.pool == "all" else (options.pool,):
            for name, play in scenarios_of(engine, pool, options.size):
                if options.only in name:
                    yield engine, pool, name, play


def scenarios_of(engine: str, pool: str, size: str) -> Iterator[tuple[str, Callable[[Stage], Verdict]]]:
    """Yield what can be done to one pool on one engine."""
    from tests.chaos import scenarios

    amount = scenarios.FULL if size == "full" else scenarios.SHORT
    for name, play in scenarios.RANDOM.items():
        if (pool, name) != ("solo", "child-kills"):  # solo has no children: to kill one is to kill the worker
            yield name, partial(_sized, play, amount)
    if engine == "postgres":
        yield "outages", partial(_sized, scenarios.outages, amount)
    if pool != "prefork":
        return
    if engine == "postgres":  # a claim of SQLite's dies with the process that makes it
        yield "claims-in-flight", partial(_sized, scenarios.claims_in_flight, amount)
    for point, passage in scenarios.points():
        yield f"point {point}", partial(_struck, point, passage)


def _sized(play: Callable[[Stage, Size], Verdict], size: Size, stage: Stage) -> Verdict:
    return play(stage, size)


def _struck(point: str, passage: int, stage: Stage) -> Verdict:
    from tests.chaos.scenarios import at_point

    return at_point(stage, point, passage)


def revision() -> str:
    """Return the commit that is checked out, with a mark where files were changed since."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
