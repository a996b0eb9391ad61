"""The runs: a load, faults, quiet, a verdict. Each has a place for its jobs and a folder of its own.

What is done to a server, or to the connections with it, is in ``outages.py``.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from celeriac.engine.faults import POINTS
from celeriac.engine.job import Job, State
from tests.chaos.bench import Bench
from tests.chaos.checker import Checker, Verdict
from tests.chaos.database import Settings, known
from tests.chaos.engines import Engine
from tests.chaos.injector import Injector
from tests.chaos.ledger import wait_for
from tests.chaos.load import Load
from tests.chaos.workers import WorkerProcess

LEASE = 1.5
RENEW_EVERY = 0.3
PATIENT = 1_000
"""A poison limit that jobs do not reach which are killed at random, again and again, through no fault of theirs."""


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How much of each fault a run has."""

    child_kills: int
    worker_kills: int
    stops: int
    server_kills: int
    longest_outage: float
    cuts: int
    silences: int
    exhaustions: int
    in_flight: int


SHORT = Size(
    child_kills=10, worker_kills=2, stops=2, server_kills=2, longest_outage=0.5, cuts=10, silences=1, exhaustions=1, in_flight=2
)
FULL = Size(
    child_kills=200, worker_kills=50, stops=50, server_kills=50, longest_outage=20.0, cuts=200, silences=3, exhaustions=10,
    in_flight=20,
)  # fmt: skip


LESS = msgspec.structs.replace(FULL, child_kills=60, worker_kills=16, stops=15)
"""For the pools that differ from prefork in little of what is tried here."""


class Stage(msgspec.Struct, kw_only=True):
    """Where a scenario plays. ``lease`` is the seconds of the workers' leases."""

    engine: Engine
    pool: str
    seed: int
    folder: Path
    name: str = "chaos"
    lease: float = LEASE

    @contextmanager
    def bench(self, settings: Settings | None = None, **options: object) -> Iterator[Bench]:
        """Yield a bench whose workers have short leases."""
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = settings or self.engine.settings(self.name, self.folder)
        with known(settings):
            run = Bench(self.folder, settings)
            run.crew.options |= {"pool": self.pool, "lease": self.lease, "renew_every": RENEW_EVERY, **options}
            try:
                with run.stalls:
                    yield run
            finally:
                run.close()

    def load(self, bench: Bench) -> Load:
        """Return a load that the engine can carry."""
        return Load(bench, self.seed, self.engine.transactional)


def judged(bench: Bench, crashes: bool = False, drain: float = 60.0) -> Verdict:
    """Wait until the queue is empty, end the workers, and compare what the ledger says with what the store says."""
    drained = bench.drained(drain)
    records = bench.store.find({}, limit=10_000_000)
    effects = bench.effects()
    tracebacks = sum(worker.printed().count("Traceback") for worker in bench.crew.workers)  # before they are all killed
    orphans = bench.close()
    verdict = Checker(bench.ledger, records, effects, crashes).judge()
    verdict.wrong["undrained"] = 0 if drained else 1
    verdict.wrong["orphans"] = len(orphans)
    verdict.wrong["tracebacks"] = tracebacks
    verdict.stall = round(bench.stalls.longest, 3)
    verdict.endures = float(bench.crew.options["lease"]) - float(bench.crew.options["renew_every"])
    return verdict


# -- random faults under load ------------------------------------------------------------------------------------------------


def under_load(stage: Stage, workers: int, many: int, deed: str) -> Verdict:
    """Do one kind of harm to at least so many victims, while jobs come in all the time."""
    with stage.bench(poison_limit=PATIENT) as bench:
        crew = [bench.start() for _ in range(workers)]
        injector = Injector(bench, crew, stage.lease, stage.seed)
        harm: Callable[[], int] = getattr(injector, deed)
        with stage.load(bench):
            done = 0
            while done < many:
                done += harm()
        return judged(bench)


def child_kills(stage: Stage, size: Size) -> Verdict:
    """Kill one child after the other."""
    workers = 2 if stage.pool == "prefork" else 4  # in the other pools a worker has but one child
    return under_load(stage, workers, size.child_kills, "kill_child")


def worker_kills(stage: Stage, size: Size) -> Verdict:
    """Kill whole workers, two of three at a time."""
    return under_load(stage, 3, size.worker_kills, "kill_workers")


def stops(stage: Stage, size: Size) -> Verdict:
    """Freeze whole workers past their leases, three of four at a time."""
    return under_load(stage, 4, size.stops, "freeze_workers")


# -- a kill at every named place ---------------------------------------------------------------------------------------------

LATER_PASSAGES = {"before-commit": 12, "after-commit": 12, "before-settle": 3, "before-renew": 3, "after-renew": 3}
"""At which passage to strike, where the first one comes before any job does."""


ON_THE_WAY_OUT = frozenset({"before-leave"})


def at_point(stage: Stage, point: str, passage: int) -> Verdict:
    """Let every process of a worker kill itself at its n-th passage of a point; then a healthy worker takes over."""
    with stage.bench(poison_limit=PATIENT) as bench:
        faulty = bench.crew.start(fault=f"{point}:{passage}:kill", ready=False)
        bench.push_all(varied_jobs(bench, stage.engine.transactional))
        struck = await_strike(bench, faulty, point)
        bench.start()
        bench.ledger.write("fault", "worker-kill", *faulty.freeze())
        faulty.kill()
        verdict = judged(bench, crashes=True)
        verdict.faults = {point: int(struck)}
        verdict.wrong["point never reached"] = int(not struck)
        return verdict


def await_strike(bench: Bench, worker: WorkerProcess, point: str) -> bool:
    """Kill a child, so that there is a rescue, stop the worker where the point is on its way out; wait for the strike."""

    def struck() -> bool:
        return f"fault point {point}" in worker.printed()

    wait_for(lambda: struck() or worker.with_role("child"), f"a child of {worker.name}")
    for pid in worker.with_role("child")[:1]:
        bench.ledger.write("fault", "child-kill", pid)
        _kill(pid)
    if point in ON_THE_WAY_OUT:
        worker.tell(signal.SIGTERM)
    try:
        wait_for(struck, f"a kill at {point}", 10.0)
    except AssertionError:
        return False
    return True


def varied_jobs(bench: Bench, transactional: bool) -> list[Job]:
    """Return jobs that between them lead past every point."""
    return [
        *(bench.job("noop") for _ in range(20)),
        bench.job("noop_once"),
        bench.job("stamp" if transactional else "noop"),
        bench.job("flaky", 1),
        *(bench.job("noop") for _ in range(200)),
        bench.job("sleep", 0.3),
        *(bench.job("noop") for _ in range(100)),
        bench.job("noop", state=State.SCHEDULED, run_at=time.time() + 0.3),
        bench.job("nap", 0.1),
    ]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it was faster


WITHOUT_JOBS = frozenset({"before-send", "after-send", "after-keep", "after-move", "before-tick", "after-tick"})
"""Points that no worker of this harness passes, since it has no outbox, no periodic tasks and one store: each is struck in the
tests of what it belongs to."""
OF_A_COMMIT = frozenset({"before-commit", "after-commit"})


def points(engine: Engine) -> Iterator[tuple[str, int]]:
    """Yield every named point that a worker's jobs pass on an engine, with the passage to strike at."""
    for point in POINTS:
        if point not in WITHOUT_JOBS and (engine.commits or point not in OF_A_COMMIT):
            yield point, LATER_PASSAGES.get(point, 1)


RANDOM: dict[str, Callable[[Stage, Size], Verdict]] = {"child-kills": child_kills, "worker-kills": worker_kills, "stops": stops}
