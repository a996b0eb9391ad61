"""``python -m tests.chaos``: kill, freeze and cut off workers and servers under load, and count what was lost.

One JSON line a run.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import django
import msgspec
from django.conf import settings

if TYPE_CHECKING:
    from tests.chaos.checker import Verdict
    from tests.chaos.engines import Engine
    from tests.chaos.report import Result
    from tests.chaos.scenarios import Size, Stage

ENGINES = ("sqlite", "postgres", "mariadb", "valkey", "rabbitmq")
POOLS = ("prefork", "threads", "asyncio", "solo")
EVERY_POOL = ("sqlite", "postgres")
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
    parser.add_argument(
        "--lease", type=float, default=1.5, help="seconds of the workers' leases: longer ones for a busy machine"
    )
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
    """Yield the result of each run. An engine that cannot be had here is left out, which is said."""
    from tests.chaos.engines import ENGINES as MAKERS
    from tests.chaos.engines.base import Unavailable

    for name in ENGINES if options.engine == "all" else (options.engine,):
        try:
            with MAKERS[name]() as engine:
                yield from runs_on(engine, options)
        except Unavailable as error:
            sys.stderr.write(f"{name} is left out: {error}\n")


def runs_on(engine: Engine, options: argparse.Namespace) -> Iterator[Result]:
    """Yield the result of each run on one engine."""
    from tests.chaos.scenarios import Stage

    commit = options.commit or revision()
    for number, (pool, name, play) in enumerate(plan(engine, options)):
        folder = Path(tempfile.mkdtemp(prefix="celeriac-chaos-"))
        stage = Stage(
            engine=engine, pool=pool, seed=options.seed, folder=folder, name=f"chaos_{number}", lease=options.lease
        )  # fmt: skip
        result = measured(stage, name, commit, play)
        if result.verdict.is_red or result.verdict.is_inconclusive:
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
        scenario=name, engine=stage.engine.name, pool=stage.pool, seed=stage.seed, commit=commit,
        seconds=round(time.monotonic() - begun, 1), verdict=verdict,
    )  # fmt: skip


def plan(engine: Engine, options: argparse.Namespace) -> Iterator[tuple[str, str, Callable[[Stage], Verdict]]]:
    """Yield pool, name and function of every scenario that was asked for."""
    for pool in POOLS if options.pool == "all" else (options.pool,):
        for name, play in scenarios_of(engine, pool, options.size):
            if options.only in name:
                yield pool, name, play


def scenarios_of(engine: Engine, pool: str, size: str) -> Iterator[tuple[str, Callable[[Stage], Verdict]]]:
    """Yield what can be done to one pool on one engine.

    What a worker does with its processes is the same on every engine, so the other pools are tried on two of them; what it
    does with its server is the same in every pool.
    """
    from tests.chaos import claims, outages, scenarios
    from tests.chaos.engines import ServerEngine

    if pool != "prefork" and engine.name not in EVERY_POOL:
        return
    amount = scenarios.SHORT if size == "short" else scenarios.FULL if pool == "prefork" else scenarios.LESS
    for name, play in scenarios.RANDOM.items():
        if (pool, name) != ("solo", "child-kills"):  # solo has no children: to kill one is to kill the worker
            yield name, partial(_sized, play, amount)
    if pool != "prefork":
        return
    if isinstance(engine, ServerEngine):
        for name, play in outages.ON_A_SERVER.items():
            yield name, partial(_sized, play, amount)
    if engine.name == "postgres":
        yield "claims-in-flight", partial(_sized, claims.claims_in_flight, amount)
    for point, passage in scenarios.points(engine):
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
