"""One run: three schedulers on one table, the busiest killed or stopped every few seconds, and a worker that runs the jobs."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from django.db import OperationalError

from tests.beat_chaos.entries import Entry, entries
from tests.beat_chaos.fastclock import MUTE
from tests.beat_chaos.verdict import Verdict, judge, read
from tests.chaos.database import ALIAS, VALKEY, Settings, known, sqlite_settings
from tests.process.smallsite import Project, Started, until

SCHEDULERS = 3
HOUR = 3600.0
ROOT = Path(__file__).parents[2]
LEAD = 3.0
"""Seconds that the processes have to start before time begins to pass."""
PATIENCE = 120.0
"""Seconds after the end within which the last tick must be there."""
QUIET = 20.0
"""Seconds without a new run after which none is expected: longer than a lease."""
NOTE = """
from celeriac import shared_task

@shared_task(bind=True, name="note")
def note(self):
    about = self.request.properties
    with open("ledger", "a") as ledger:
        ledger.write(f"{about['nominal']} {self.request.id} {about['periodic_task_name']}\\n")
"""


class Run(msgspec.Struct, kw_only=True):
    """What is to be played: hours of the schedule, how much faster they pass, and seconds between two strikes."""

    engine: str
    hours: float = 10.0
    speed: float = 60.0
    strike_every: float = 3.0
    seed: int = 1


class Played(msgspec.Struct, kw_only=True):
    """What came of it, as one line of JSON."""

    run: Run
    seconds: float
    kills: int
    stops: int
    verdict: Verdict


def play(run: Run, settings: Settings, folder: Path) -> Played:
    """Play one run in an empty folder."""
    begun = time.monotonic()
    table = sqlite_settings(folder / "table.sqlite3") if settings["ENGINE"] == VALKEY else settings
    start = time.time() // HOUR * HOUR
    end = start + run.hours * HOUR
    with known(table):
        expected = {entry.name: times for entry in entries() if (times := entry.times(start, end))}
        for entry in entries():
            if entry.name in expected:
                make_row(entry, expected[entry.name][0], end)
        site = a_site(run, settings, table, folder, start)
        try:
            schedulers = Schedulers(site, run)
            worker = site.worker(**{MUTE: "1"})
            schedulers.disturb(is_over, run.hours * HOUR / run.speed + LEAD + PATIENCE)
            schedulers.stop()
            drain(worker, folder, sum(map(len, expected.values())))
            assert worker.stop() == 0
        finally:
            site.close()
    verdict = judge(read(folder / "ledger"), expected)
    took = round(time.monotonic() - begun, 1)
    return Played(run=run, seconds=took, kills=schedulers.kills, stops=schedulers.stops, verdict=verdict)


def a_site(run: Run, settings: Settings, table: Settings, folder: Path, start: float) -> Project:
    """Return a project on these settings, in whose tickers time passes faster from a few seconds hence on."""
    site = Project(folder)
    broker = settings["NAME"] if settings["ENGINE"] == VALKEY else "django://default"
    install = f"install({time.time() + LEAD!r}, {start!r}, {run.speed!r}, {str(folder)!r})"
    site.configure(
        f"DATABASES = {{'default': {table!r}}}", "TIME_ZONE = 'UTC'", f"CELERY_BROKER_URL = {broker!r}",
        "from tests.beat_chaos.fastclock import install", install,
    )  # fmt: skip
    site.add_tasks(NOTE)
    site.environment["PYTHONPATH"] += f":{ROOT}"
    return site


# -- the table ---------------------------------------------------------------------------------------------------------------


def rows() -> Any:
    """Return the periodic tasks of the run."""
    from celeriac.models import PeriodicTask  # with Django configured

    return PeriodicTask.objects.using(ALIAS)


def make_row(entry: Entry, first: float, end: float) -> None:
    """Write the row of a periodic task whose first tick is planned, and which is over at the end."""
    rows().create(
        name=entry.name, task="note", kind=entry.kind, fields=entry.fields, time_zone=entry.zone, misfire=entry.misfire,
        misfire_limit=10_000, next_run=moment(first), end=moment(end),
    )  # fmt: skip


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def is_over() -> bool:
    """Return whether every periodic task has had its last tick."""
    with suppress(OperationalError):  # SQLite, while somebody who was stopped holds its lock
        return not rows().filter(enabled=True).exists()
    return False


def drain(worker: Started, folder: Path, ticks: int) -> None:
    """Wait until as many jobs as there had to be ticks have run, or none has for a while."""
    quiet_since, seen = time.monotonic(), -1

    def is_quiet() -> bool:
        nonlocal quiet_since, seen
        count = len(set(read(folder / "ledger")))
        if count != seen:
            quiet_since, seen = time.monotonic(), count
        return count >= ticks or time.monotonic() - quiet_since > QUIET

    until(is_quiet, worker)


# -- the schedulers ------------------------------------------------------------------------------------------------------------


class Schedulers:
    """Three processes of ``celeriac beat``, and what is done to them."""

    def __init__(self, site: Project, run: Run) -> None:
        self._site = site
        self._random = random.Random(run.seed)
        self._every = run.strike_every
        self._running = [self._start() for _ in range(SCHEDULERS)]
        self._fired: dict[int, int] = {}
        self.kills = 0
        self.stops = 0

    def _start(self) -> Started:
        return self._site.start("manage.py", "celeriac", "beat")

    def disturb(self, over: Callable[[], bool], seconds: float) -> None:
        """Kill and stop in turn until the last tick has been. Raises ``AssertionError`` where that never comes."""
        deadline = time.monotonic() + seconds
        while not over():
            assert time.monotonic() < deadline, [started.printed() for started in self._running]
            time.sleep(self._random.uniform(0.5, 1.5) * self._every)
            place = self._busiest()
            if self.kills <= self.stops:
                self._kill(place)
            else:
                self._pause(place)

    def _busiest(self) -> int:
        """Return the place of the process that has fired the most since the last strike."""
        news = []
        for started in self._running:
            pid = started.process.pid
            file = self._site.folder / f"fired-{pid}"
            size = file.stat().st_size if file.exists() else 0
            news.append(size - self._fired.get(pid, 0))
            self._fired[pid] = size
        return news.index(max(news))

    def _kill(self, place: int) -> None:
        self._running[place].destroy()
        self._running[place] = self._start()
        self.kills += 1

    def _pause(self, place: int) -> None:
        """Stop a process wherever it is, perhaps in a transaction, and have it go on later as if nothing had been."""
        process = self._running[place].process
        process.send_signal(signal.SIGSTOP)
        time.sleep(self._random.uniform(0.2, 1.5) * self._every)
        process.send_signal(signal.SIGCONT)
        self.stops += 1

    def stop(self) -> None:
        """End them as a service manager does.

        One that was started just now would not hear a Ctrl-C, which a shell has its background ignore.
        """
        for started in self._running:
            started.process.terminate()
        for started in self._running:
            started.wait()
