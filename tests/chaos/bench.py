"""One run: a database, a ledger, a crew of workers, and a way to enqueue and to ask what became of it."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from django.db import connections

from celeriac.engine.brokers.base import Cancel
from celeriac.engine.codec import encode_payload
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.job import LIVE, Job, State, Token
from tests.chaos.database import ALIAS, VALKEY, Settings, django_database, open_broker
from tests.chaos.ledger import Ledger, wait_for
from tests.chaos.stalls import Stalls
from tests.chaos.workers import Crew, WorkerProcess, printed_by

QUEUE = "celery"


class Bench:
    """Drives one run from outside the workers."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.ledger = Ledger(folder)
        self.store: Any = open_broker(settings)
        self.stalls = Stalls(folder)
        self.crew = Crew(folder, settings)
        self._numbers = itertools.count(1)

    @property
    def engine(self) -> str:
        """The name of the database's vendor."""
        return VALKEY if self.settings["ENGINE"] == VALKEY else str(self.store.dialect.vendor)

    def start(self, **options: Any) -> WorkerProcess:
        """Start a worker and wait until it is ready."""
        return self.crew.start(**options)

    def freeze(self, worker: WorkerProcess, role: str = "") -> None:
        """Stop a worker, or its process of a role, where it is in no write: on SQLite, who sleeps in one stops everybody."""
        while True:
            stopped = worker.freeze_one(role) if role else worker.freeze()
            if self._is_writable():
                return
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

    def _is_writable(self) -> bool:
        if self.engine != "sqlite":
            return True
        with closing(sqlite3.connect(str(self.settings["NAME"]), timeout=1.0, isolation_level=None)) as database:
            try:
                database.execute("begin immediate")
            except sqlite3.OperationalError:
                return False
            database.execute("rollback")
        return True

    # -- enqueueing --------------------------------------------------------------------------------------------------------

    def job(self, task: str, *args: Any, key: str = "", limits: dict[str, float] | None = None, **fields: Any) -> Job:
        """Return a job that is not enqueued yet. Its id is its key in the ledger."""
        payload = encode_payload(task, args, {}, limits)
        fields.setdefault("queue", QUEUE)
        return Job(id=key or f"{task}-{next(self._numbers)}", task=task, payload=payload, **fields)

    def push(self, task: str, *args: Any, key: str = "", limits: dict[str, float] | None = None, **fields: Any) -> str:
        """Enqueue one job; return its id."""
        job = self.job(task, *args, key=key, limits=limits, **fields)
        self.push_all([job])
        return job.id

    def push_all(self, jobs: Sequence[Job], broker: Any = None) -> list[str]:
        """Enqueue jobs in one operation, with what the caller intended and learned in the ledger. Returns their ids."""
        for job in jobs:
            self.ledger.write("submit", "intent", job.id)
        try:
            (broker or self.store).push(jobs)
        except BrokerUnavailable:
            return []  # neither acked nor rejected: what became of them is unknown
        for job in jobs:
            self.ledger.write("submit", "acked", job.id)
        return [job.id for job in jobs]

    def push_in(self, seconds: float, task: str, *args: Any) -> str:
        """Enqueue one job that is due in so many seconds."""
        return self.push(task, *args, state=State.SCHEDULED, run_at=time.time() + seconds)

    def latency(self, jobs: int = 5) -> float:
        """Enqueue some jobs one after the other; return the median of the seconds from an enqueue to the body's beginning.

        A child that is not woken looks after nearly a second. Have only one: of two, one looks in time by chance.
        """
        return median(self._latency() for _ in range(jobs))

    def _latency(self) -> float:
        begun = time.monotonic()
        job = self.push("noop")
        start = self.ledger.await_start(job)
        self.ended(job)
        return start.at - begun

    def lateness(self, jobs: int = 5) -> list[float]:
        """Schedule some jobs a fifth of a second apart; return by how many seconds each began late, the least late first.

        A keeper that only looked each second would be some 0.4 s late in the middle of them.
        """
        due = [0.4 + 0.2 * nth for nth in range(jobs)]
        begun = time.monotonic()
        scheduled = [self.push_in(begun + at - time.monotonic(), "noop") for at in due]
        return sorted(self.ledger.await_start(job).at - begun - at for job, at in zip(scheduled, due, strict=True))

    def open_gate(self, name: str) -> None:
        """Let the jobs that hold at a gate go on."""
        (self.folder / f"gate-{name}").touch()

    def terminate(self, *ids: str) -> None:
        """Ask for the end of running jobs, as ``revoke(terminate=True)`` does."""
        self.store.control(Cancel(ids, terminate=True))

    # -- asking ------------------------------------------------------------------------------------------------------------

    def state(self, id: str) -> State:
        """Return a job's state now."""
        return self.record(id).state

    def record(self, id: str) -> Job:
        """Return a job's whole record now."""
        job = self.store.get(id)
        assert job is not None, f"{id} is lost: the store has no record of it"
        return job

    def ended(self, id: str, patience: float = 30.0) -> Job:
        """Wait until a job is over (or parked); return its record."""
        job = self.store.wait(id, patience)
        if job is None:
            raise AssertionError(f"{id} is still {self.state(id)} after {patience:g} s\n{printed_by(self.crew.workers)}")
        return job

    def all_ended(self, ids: Sequence[str], patience: float = 30.0) -> list[Job]:
        """Wait until all of these jobs are over."""
        deadline = time.monotonic() + patience
        return [self.ended(id, max(0.1, deadline - time.monotonic())) for id in ids]

    def drained(self, patience: float = 60.0) -> bool:
        """Wait until no job is live, twice in a row; return whether that came true.

        A job on its way from RabbitMQ into its store is in neither for a moment.
        """
        try:
            wait_for(lambda: self._is_drained() and self._is_drained(), "the queue to be empty", patience)
        except AssertionError:
            return False
        return True

    def _is_drained(self) -> bool:
        try:
            counts = self.store.counts()
        except BrokerUnavailable:
            return False
        time.sleep(0.05)  # a recount is dear, and nobody waits for this one
        return not any(states.get(state) for states in counts.values() for state in LIVE)

    def effects(self) -> list[tuple[str, Token]]:
        """Return what transactional bodies left behind in the database."""
        if django_database(self.settings) is None:
            return []
        connections[ALIAS].close()  # the server may have been killed since it was opened
        with connections[ALIAS].cursor() as cursor:
            cursor.execute("select id, number, child, delivery from effect")
            return [(id, Token(*rest)) for id, *rest in cursor.fetchall()]

    def close(self) -> list[int]:
        """End the workers and let go of everything. Returns the processes that outlived their master."""
        orphans = self.crew.close()
        self.store.close()
        self.ledger.close()
        return orphans
