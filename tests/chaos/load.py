"""A steady load: short jobs of every kind, enqueued while faults happen, so that there is always something to lose."""

from __future__ import annotations

import random
import threading
import time
from typing import Self

from celeriac.engine.brokers.sql.connection import typed_errors
from celeriac.engine.errors import CeleriacError
from celeriac.engine.job import Job, State
from tests.chaos.bench import Bench

BACKLOG = 200
BATCH = 50
PAUSE = 0.02


class Load:
    """Enqueues from a thread of its own, with a connection of its own, until told to stop."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self._bench = bench
        self._random = random.Random(seed)
        self._broker = bench.store.clone()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            try:
                if self._waiting() < BACKLOG:
                    self._bench.push_all([self._job() for _ in range(BATCH)], self._broker)
            except CeleriacError:
                continue  # an outage: the next look tells when it is over
        self._broker.close()

    def _waiting(self) -> int:
        with typed_errors(self._broker.alias, self._broker.connection):
            (count,) = self._broker.connection.fetch("select count(*) from celeriac_live where state = 'waiting'")[0]
        return int(count)

    def _job(self) -> Job:
        kind = self._random.random()
        job = self._bench.job
        if kind < 0.40:
            return job("noop")
        if kind < 0.70:
            return job("sleep", round(self._random.uniform(0.005, 0.1), 3))
        if kind < 0.80:
            return job("nap", round(self._random.uniform(0.002, 0.1), 3))
        if kind < 0.86:
            return job("noop_once")
        if kind < 0.92:
            return job("stamp")
        if kind < 0.96:
            return job("flaky", 1)
        return job("noop", state=State.SCHEDULED, run_at=time.time() + self._random.uniform(0.05, 0.5))
