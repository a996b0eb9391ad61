"""``python -m benchmarks``: measure Celeriac and its peers on this machine in turn, and write what came out.

Every option narrows or shortens the run; without any, everything is measured three times. The medians go to
docs/benchmarks.md and benchmarks/results/latest.json, unless --output names another folder.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.bench import Failed, Scale, bench
from benchmarks.catalogue import System, peers, systems
from benchmarks.environments import NotInstallable, python_of
from benchmarks.figures import Figures
from benchmarks.machine import ROOT, machine
from benchmarks.report import BEGIN, END, Run, as_json, markdown, runs_of, with_earlier, write
from benchmarks.servers import ENGINES, Server, started
from benchmarks.workloads import QUICK, WORKLOADS
from celeriac.testing.serverprocess import ServerFailed

RESULTS = ROOT / "benchmarks" / "results" / "latest.json"
DOCUMENT = ROOT / "docs" / "benchmarks.md"


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=(*ENGINES, "redis"), action="append", help="default: all but redis")
    parser.add_argument("--peer", choices=peers(), action="append", help="default: all")
    parser.add_argument("--workload", choices=WORKLOADS, action="append", help="default: all but held (ten minutes)")
    parser.add_argument("--jobs", type=int, default=Scale.jobs, help="at most so many in a queue (default: %(default)s)")
    parser.add_argument("--repeat", type=int, help="default: 3; with --quick, 1")
    parser.add_argument("--quick", action="store_true", help=f"about five minutes: {', '.join(QUICK)}, once and shorter")
    parser.add_argument("--add", action="store_true", help="keep what was measured before and is not measured now")
    parser.add_argument("--output", type=Path, help="write latest.json and benchmarks.md into this folder instead")
    options = parser.parse_args(arguments)
    options.repeat = options.repeat or (1 if options.quick else 3)
    options.workload = options.workload or [
        name for name, workload in WORKLOADS.items() if (name in QUICK if options.quick else workload.usual)
    ]
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and workers end with us
    options, here = parsed(given), machine()
    print(f"{here.cores} cores, load {here.load}{'' if here.quiet else ': the machine is not quiet'}.", flush=True)
    print(f"This takes about {_minutes(options):.0f} minutes, not counting what has to be installed.", flush=True)
    figures = Figures()
    for engine in options.engine or ENGINES:
        try:
            with started(engine) as server:
                _measure_engine(engine, server, options, figures)
        except ServerFailed as error:
            print(f"{engine}: {error}", flush=True)
            figures.failures.append(f"{engine}: {error}")
    _publish(Run(" ".join(["python -m benchmarks", *given]), here, figures), options)


def _minutes(options: argparse.Namespace) -> float:
    seconds = 0.0
    for engine in options.engine or ENGINES:
        for name in options.workload:
            workload = WORKLOADS[name]
            taking_part = sum(map(workload.takes_part, systems(engine, options.peer)))
            seconds += taking_part * _times(name, options) * (workload.quick_seconds if options.quick else workload.seconds)
    return seconds / 60


def _times(workload: str, options: argparse.Namespace) -> int:
    return 1 if WORKLOADS[workload].once else int(options.repeat)


def _measure_engine(engine: str, server: Server, options: argparse.Namespace, figures: Figures) -> None:
    scale = Scale.quick(options.jobs) if options.quick else Scale(options.jobs)
    ready = list(_installed(systems(engine, options.peer), figures))
    for workload in options.workload:
        for _ in range(_times(workload, options)):  # all systems in turn, so that what else happens on the machine meets all
            for system in ready:
                if WORKLOADS[workload].takes_part(system):
                    _measure(system, workload, scale, server, figures)


def _installed(wanted: Sequence[System], figures: Figures) -> Iterator[System]:
    """Yield the systems whose environments could be made."""
    for system in wanted:
        try:
            python_of(system.environment)
        except NotInstallable as error:
            figures.fail(system, "all", str(error))
        else:
            yield system


def _measure(system: System, workload: str, scale: Scale, server: Server, figures: Figures) -> None:
    try:
        with bench(system, scale, server) as ready:
            found = WORKLOADS[workload].run(ready)
    except (Failed, OSError) as error:
        print(f"{system.engine:9} {system.name:18} {workload:10} {error}", flush=True)
        figures.fail(system, workload, str(error))
        return
    figures.add(system, found)
    told = ", ".join(f"{name} {value:,.2f}" for name, value in found.items())
    print(f"{system.engine:9} {system.name:18} {workload:10} {told}", flush=True)


def _publish(run: Run, options: argparse.Namespace) -> None:
    results, document = RESULTS, DOCUMENT
    if options.output is not None:
        results, document = options.output / RESULTS.name, options.output / DOCUMENT.name
        options.output.mkdir(parents=True, exist_ok=True)
        document.write_text(f"{BEGIN}\n{END}\n", "utf-8")
    earlier = runs_of(results.read_text("utf-8")) if options.add and results.exists() else []
    runs = with_earlier(run, earlier)
    results.parent.mkdir(exist_ok=True)
    results.write_text(as_json(runs), "utf-8")
    write(document, markdown(runs))
    print(f"Written: {results}", flush=True)


if __name__ == "__main__":
    main()
