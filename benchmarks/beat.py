"""``python -m benchmarks.beat``: periodic tasks due at the same full minute, fired by ``celeriac beat`` and by Celery's.

What is counted of Celeriac: for each job, the time between its nominal time and its record's. Of Celery's beat, which has
no record: when the broker's list had it. Celery is started in an environment of its own, with django-celery-beat on the same
database and Valkey as the broker.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import redis

from benchmarks.environments import python_of
from benchmarks.machine import ROOT, machine
from benchmarks.place import Place
from benchmarks.servers import fresh_folder, started

ENGINES = ("sqlite", "postgres", "valkey")
SETTLED = 5.0
"""Seconds after the start from which on the processor time of an idle beat is counted."""
IDLE = 10.0
PATIENCE = 180.0
OURS = "celeriac"
PEER = "Celery beat, django-celery-beat"


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beat", description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, action="append", help="default: all")
    parser.add_argument("--entries", type=int, action="append", help="due at one minute; default: 1000 and 10000")
    parser.add_argument("--others", type=int, default=0, help="periodic tasks beside them that are not due")
    parser.add_argument("--no-peer", action="store_true", help="leave Celery out")
    parser.add_argument("--peer-seconds", type=float, default=90.0, help="how long Celery is waited for")
    return parser.parse_args(arguments)


def main() -> None:
    """Measure what the command line asks for; print a table."""
    options, here = parsed(), machine()
    changed = " and changes" if here.dirty else ""
    print(f"{here.cores} cores, load {here.load}, commit {here.commit}{changed}, {here.measured}\n")
    print("| who | table | due | others | ready s | idle CPU % | all enqueued s | late p50 ms | late p95 ms |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for engine in options.engine or ENGINES:
        with started("valkey") as broker, started("sqlite" if engine == "valkey" else engine) as server:
            for count in options.entries or (1000, 10_000):
                with fresh_folder() as folder:
                    url = broker.fresh(folder).url
                    place = replace(server.fresh(folder), url=url if engine == "valkey" else "", results=url)
                    report(OURS, engine, count, options.others, celeriac(place, count, options.others))
                if not options.no_peer and engine != "valkey" and not options.others:
                    with fresh_folder() as folder:
                        place = replace(server.fresh(folder), results=broker.fresh(folder).url)
                        report(PEER, engine, count, 0, celery(place, count, options.peer_seconds))


def report(who: str, table: str, due: int, others: int, found: Found) -> None:
    """Print one line of the table."""
    late = found.late
    done = f"{late[-1]:.2f}" if len(late) == due else f"{len(late):,} of them in {found.watched:.0f} s"
    p50, p95 = (f"{quantile(late, q) * 1000:,.0f}" if late else "-" for q in (0.5, 0.95))
    cells = (who, table, f"{due:,}", f"{others:,}", f"{found.ready:.2f}", f"{found.idle:.1f}", done, p50, p95)
    print(f"| {' | '.join(cells)} |", flush=True)


def quantile(values: Sequence[float], q: float) -> float:
    """Return a quantile of sorted values."""
    return values[min(len(values) - 1, int(q * len(values)))]


class Found:
    """One measurement. ``late``: seconds after the minute of each, sorted; ``idle``: percent of one core."""

    def __init__(self, ready: float, idle: float, late: list[float], watched: float) -> None:
        self.ready, self.idle, self.late, self.watched = ready, idle, late, watched


# -- the two of them ----------------------------------------------------------------------------------------------------------


def celeriac(place: Place, count: int, others: int) -> Found:
    """Fill the table, start ``celeriac beat`` in good time for a full minute, and look at the jobs afterwards."""
    filling = time.monotonic()
    minute = next_minute(20.0 + (count + min(others, 20_000)) / 2000 + others / 20_000)
    run(sys.executable, place, "benchmarks.ticks", "fill", str(minute), str(count), str(others))
    assert time.time() < minute - SETTLED - IDLE, f"filling took {time.monotonic() - filling:.0f} s, longer than expected"
    command = [sys.executable, "-m", "celeriac", "-A", "benchmarks.peers.celeriac_site", "beat", "-l", "warning"]
    with beat(command, place) as (process, log):
        ready = waited_for("Ctrl-C", log, process)
        idle = idle_share(process, minute)
        sleep_until(minute + 3.0)
        watched = time.time()
        late: list[float] = []
        while len(late) < count and time.time() - watched < PATIENCE:
            late = json.loads(run(sys.executable, place, "benchmarks.ticks", "lateness"))
            time.sleep(0.5)
    return Found(ready, idle, late, time.time() - minute)


def celery(place: Place, count: int, patience: float) -> Found:
    """The same with Celery: see the broker's list grow."""
    python = python_of("celery-beat")
    run(python, place, "benchmarks.peers.celery_beat_site.fill", str(count))
    minute = next_minute(35.0)
    command = [python, "-m", "celery", "-A", "benchmarks.peers.celery_beat_site", "beat", "-l", "info"]
    with beat(command, place) as (process, log), redis.Redis.from_url(place.results) as client:
        ready = waited_for("beat: Starting", log, process)
        idle = idle_share(process, minute)
        client.delete("celery")
        late: list[float] = []
        while len(late) < count and time.time() < minute + patience:
            late += [max(0.0, time.time() - minute)] * (int(client.llen("celery")) - len(late))
            time.sleep(0.005)
    return Found(ready, idle, late[:count], time.time() - minute)


# -- processes ----------------------------------------------------------------------------------------------------------------


def environment(place: Place) -> dict[str, str]:
    """Return the environment of a process that works at a place."""
    kept = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    ours = {"DJANGO_SETTINGS_MODULE": "benchmarks.peers.celeriac_site.settings"}
    return {**kept, **place.announce(), **ours, "PYTHONPATH": path, "BENCHMARK_CLOCKS": os.devnull}


def run(python: str, place: Place, module: str, *arguments: str) -> str:
    """Run a module at a place; return what it printed."""
    command = [python, "-m", module, *arguments]
    done = subprocess.run(command, env=environment(place), cwd=place.folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


@contextmanager
def beat(command: Sequence[str], place: Place) -> Iterator[tuple[psutil.Popen, Path]]:
    """Run a scheduler; yield it and its log."""
    log = Path(place.folder) / "log"
    variables = environment(place)
    if "celery" in command:
        variables["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.celery_beat_site.settings"
    with log.open("wb") as file:
        process = psutil.Popen(command, env=variables, cwd=place.folder, stdout=file, stderr=file)
    try:
        yield process, log
    finally:
        process.kill()
        process.wait()


def waited_for(text: str, log: Path, process: psutil.Popen) -> float:
    """Return the seconds until a log had a text."""
    begun = time.monotonic()
    while text not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() - begun > PATIENCE:
            raise RuntimeError(f"{text!r} was not printed:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.01)
    return time.monotonic() - begun


def idle_share(process: psutil.Popen, minute: float) -> float:
    """Return the percentage of one core that a process takes while nothing is due."""
    sleep_until(minute - IDLE - 2.0)
    before, begun = process.cpu_times(), time.monotonic()
    sleep_until(minute - 2.0)
    after, passed = process.cpu_times(), max(time.monotonic() - begun, 0.1)
    used: float = after.user - before.user + after.system - before.system
    return 100.0 * used / passed


def next_minute(lead: float) -> float:
    """Return the first full minute that is at least so many seconds away."""
    return (time.time() + lead + SETTLED + IDLE) // 60 * 60 + 60


def sleep_until(moment: float) -> None:
    """Sleep until a time of the clock."""
    time.sleep(max(0.0, moment - time.time()))


if __name__ == "__main__":
    main()
