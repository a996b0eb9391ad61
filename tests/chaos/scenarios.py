"""The runs: a load, faults, quiet, a verdict. Each has a database and a folder of its own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from celeriac.engine.faults import POINTS
from celeriac.engine.job import Job, State, Token
from celeriac.testing.mariadb import MariaDBServer
from celeriac.testing.servers import PostgresServer
from tests.chaos.bench import Bench
from tests.chaos.checker import Checker, Verdict
from tests.chaos.database import Settings, known, mariadb_settings, postgres_settings, sqlite_settings
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
    outages: int
    in_flight: int


SHORT = Size(child_kills=10, worker_kills=2, stops=2, outages=1, in_flight=2)
FULL = Size(child_kills=200, worker_kills=50, stops=50, outages=3, in_flight=20)


class Stage(msgspec.Struct, kw_only=True):
    """Where a scenario plays."""

    engine: str
    pool: str
    seed: int
    folder: Path
    server: PostgresServer | MariaDBServer | None = None
    name: str = ""

    def settings(self) -> Settings:
        """Return the settings of a new database."""
        if self.engine == "sqlite":
            return sqlite_settings(self.folder / "jobs.sqlite3")
        assert self.server is not None
        if isinstance(self.server, MariaDBServer):
            return mariadb_settings(self.server, self.name)
        return postgres_settings(self.server, self.name)

    @contextmanager
    def bench(self, **options: object) -> Iterator[Bench]:
        """Yield a bench whose workers have short leases."""
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.settings()
        with known(settings):
            run = Bench(self.folder, settings)
            run.crew.options |= {"pool": self.pool, "lease": LEASE, "renew_every": RENEW_EVERY, **options}
            try:
                yield run
            finally:
                run.close()


def judged(bench: Bench, crashes: bool = False, drain: float = 60.0) -> Verdict:
    """Wait until the queue is empty, end the workers, and compare what the ledger says with what the store says."""
    drained = bench.drained(drain)
    records = bench.store.find({}, limit=10_000_000)
    effects = [
        (id, Token(*rest)) for id, *rest in bench.store.connection.fetch("select id, number, child, delivery from effect")
    ]
    tracebacks = sum(worker.printed().count("Traceback") for worker in bench.crew.workers)  # before they are all killed
    orphans = bench.close()
    verdict = Checker(bench.ledger, records, effects, crashes).judge()
    verdict.wrong["undrained"] = 0 if drained else 1
    verdict.wrong["orphans"] = len(orphans)
    verdict.wrong["tracebacks"] = tracebacks
    return verdict


# -- random faults under load ------------------------------------------------------------------------------------------------


def under_load(stage: Stage, workers: int, many: int, deed: str) -> Verdict:
    """Do one kind of harm to at least so many victims, while jobs come in all the time."""
    with stage.bench(poison_limit=PATIENT) as bench:
        crew = [bench.start() for _ in range(workers)]
        injector = Injector(bench, crew, LEASE, stage.seed)
        harm: Callable[[], int] = getattr(injector, deed)
        with Load(bench, stage.seed):
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
        bench.push_all(varied_jobs(bench))
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


def varied_jobs(bench: Bench) -> list[Job]:
    """Return jobs that between them lead past every point."""
    return [
        *(bench.job("noop") for _ in range(20)),
        bench.job("noop_once"),
        bench.job("stamp"),
        bench.job("flaky", 1),
        *(bench.job("noop") for _ in range(200)),
        bench.job("sleep", 0.3),
        *(bench.job("noop") for _ in range(100)),
        bench.job("noop", state=State.SCHEDULED, run_at=time.time() + 0.3),
        bench.job("nap", 0.1),
    ]


# -- what needs a server -----------------------------------------------------------------------------------------------------


def outages(stage: Stage, size: Size) -> Verdict:
    """Stop the server for longer than the lease, again and again, while jobs run and come in."""
    assert stage.server is not None
    with stage.bench(poison_limit=PATIENT) as bench:
        for _ in range(2):
            bench.start()
        with Load(bench, stage.seed):
            for _ in range(size.outages):
                time.sleep(1.0)
                bench.ledger.write("fault", "outage")
                stage.server.interrupt()
                time.sleep(LEASE + 0.7)
                stage.server.start()
            time.sleep(2.0)
        bench.store.close()
        return judged(bench)


def claims_in_flight(stage: Stage, size: Size) -> Verdict:
    """Kill a child whose claim waits at the server, and let the claim go on after the child was declared dead."""
    with stage.bench(poison_limit=PATIENT, concurrency=1) as bench:
        worker = bench.start()
        for _ in range(size.in_flight):
            claim_outlives_its_child(bench, worker.one("child"))
        return judged(bench, drain=10.0)


def claim_outlives_its_child(bench: Bench, child: int) -> None:
    """Hold up the claims of all, enqueue, kill the child that claims, wait for its burial, let the claims go on."""
    import psycopg

    settings = bench.settings
    parameters = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"], "dbname": settings["NAME"]}
    with psycopg.connect(**parameters) as gate, psycopg.connect(**parameters, autocommit=True) as eye:
        # Only claims read this table, so everything else goes on, a rescue too.
        gate.execute("lock table celeriac_queue in access exclusive mode")
        dead = _count(eye, "select count(*) from celeriac_child where not alive")
        bench.push_all([bench.job("noop") for _ in range(4)])
        wait_for(lambda: _count(eye, WAITING_CLAIMS), "a claim that waits")
        bench.ledger.write("fault", "claim-in-flight", child)
        _kill(child)
        wait_for(
            lambda: _count(eye, "select count(*) from celeriac_child where not alive") > dead, "the child to be declared dead"
        )


WAITING_CLAIMS = "select count(*) from pg_locks where relation = 'celeriac_queue'::regclass and not granted"


def _count(connection: Any, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it was faster


RANDOM: dict[str, Callable[[Stage, Size], Verdict]] = {"child-kills": child_kills, "worker-kills": worker_kills, "stops": stops}
ON_A_SERVER: dict[str, Callable[[Stage, Size], Verdict]] = {"outages": outages, "claims-in-flight": claims_in_flight}


WITHOUT_JOBS = frozenset({"before-send", "after-send", "before-tick", "after-tick"})
"""Points that no worker of this harness passes, since it has neither an outbox nor periodic tasks: those are struck in
``tests/process/test_outbox_kill.py`` and ``test_periodic.py``."""


def points() -> Iterator[tuple[str, int]]:
    """Yield every named point that a worker's jobs pass, with the passage to strike at."""
    for point in POINTS:
        if point in WITHOUT_JOBS:
            continue
        yield point, LATER_PASSAGES.get(point, 1)
