"""``python -m tests.beat_chaos``: three schedulers at once, the busiest killed or stopped every few seconds; ticks are counted.

One JSON line a run. Status 1 where a tick was missing, or there was one too many.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import django
import msgspec
from django.conf import settings

if TYPE_CHECKING:
    from tests.beat_chaos.play import Played

ENGINES = ("sqlite", "postgres", "valkey")
PAGE = """# Schedulers that are killed

Three `celeriac beat` share one table of periodic tasks. About every {every:g} seconds the one that has fired the most since the
last strike is killed (`kill -9`, and another is started) or stopped for a while (`SIGSTOP`, wherever it is, also inside a
transaction). The jobs of the ticks run in a worker that is left alone, and write into a file; that is compared with the times
at which each entry had to tick, which are counted by a loop over all minutes. With Valkey the table is in SQLite, and the jobs
reach the broker through the outbox.

The schedule lives faster than the machine: tickers see the database's clock at {speed:g} times its speed, so ten hours pass in
ten minutes. The grace for what is late (15 s) grows with it; timeouts, locks and the start of processes do not, so each kill
and stop lasts {speed:g} times as long for the schedule as it would in life.

**missing**: times without a tick. **extra**: ticks at another time, or two jobs of one tick. *again*: runs of a job beyond its
first. Made by `python -m tests.beat_chaos --report docs/beat-chaos.md` at commit {commit}; {machine}.

| engine | hours | kills | stops | ticks that had to be | ticks | missing | extra | again |
|---|---|---|---|---|---|---|---|---|
"""


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.beat_chaos", description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, action="append", help="default: all")
    parser.add_argument("--hours", type=float, default=10.0, help="of the schedule")
    parser.add_argument("--speed", type=float, default=60.0, help="hours of the schedule in one hour")
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two strikes")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--report", type=Path, help="write a page of Markdown here")
    return parser.parse_args()


def main() -> int:
    """Play what was asked for. Returns 1 where anything went wrong."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whoever stops the run leaves no process behind
    settings.configure(DATABASES={}, INSTALLED_APPS=["celeriac"], USE_TZ=True)
    django.setup()
    results = []
    for played in plays(options):
        results.append(played)
        print(msgspec.json.encode(played).decode(), flush=True)  # noqa: T201 - the output of this program
    if options.report and results:
        options.report.write_text(page(results), encoding="utf-8")
    return int(any(played.verdict.is_red for played in results))


def plays(options: argparse.Namespace) -> Iterator[Played]:
    """Yield the result of each run. An engine that cannot be had here is left out, which is said."""
    from tests.beat_chaos.play import Run, play
    from tests.chaos.engines import ENGINES as MAKERS
    from tests.chaos.engines.base import Unavailable

    for name in options.engine or ENGINES:
        folder = Path(tempfile.mkdtemp(prefix="celeriac-beat-chaos-"))
        run = Run(engine=name, hours=options.hours, speed=options.speed, strike_every=options.every, seed=options.seed)
        try:
            with MAKERS[name]() as engine:
                played = play(run, engine.settings("beat_chaos", folder), folder)
        except Unavailable as error:
            sys.stderr.write(f"{name} is left out: {error}\n")
            continue
        if played.verdict.is_red:
            sys.stderr.write(f"{name} went wrong; its ledger and logs are in {folder}\n")
        else:
            shutil.rmtree(folder)
        yield played


def page(results: Sequence[Played]) -> str:
    """Return the results as a page."""
    run = results[0].run
    about = {"every": run.strike_every, "speed": run.speed, "commit": revision(), "machine": f"{os.cpu_count()} cores"}
    head = PAGE.format(**about)
    return head + "".join(
        f"| {one.run.engine} | {one.run.hours:g} | {one.kills} | {one.stops} | {one.verdict.expected:,} | {one.verdict.ticks:,}"
        f" | {one.verdict.missing} | {one.verdict.extra} | {one.verdict.again} |\n"
        for one in results
    )


def revision() -> str:
    """Return the commit that is checked out, with a mark where files were changed since."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
