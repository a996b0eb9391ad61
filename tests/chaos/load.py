"""A steady load: short jobs of every kind, enqueued while faults happen, so that there is always something to lose."""

from __future__ import annotations

import random
import threading
import time
from typing import Self

from celeriac.engine.errors import CeleriacError
from celeriac.engine.job import Job, State
from tests.chaos.bench import Bench
from tests.chaos.ledger import Tail

BACKLOG = 200
BATCH = 50
PAUSE = 0.02
AFTER_FAILURE = 0.2
STAMP_LIMITS = {"time_limit": 15.0}
"""A body has Django's own connection, which waits without end for a server that is gone without a word."""


class Load:
    """Enqueues from a thread of its own, with a connection of its own, until told to stop."""

    def __init__(self, bench: Bench, seed: int, transactional: bool = True) -> None:
        self._bench = bench
        self._transactional = transactional
        self._random = random.Random(seed)
        self._broker = bench.store.clone()
        self._bodies = Tail(bench.ledger, "run")
        self._accepted: set[str] = set()
        self._begun: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        most = BATCH
        while not self._stop.wait(PAUSE if most == BATCH else AFTER_FAILURE):
            if self._waiting() < BACKLOG:
                most = BATCH if self._push(most) else 1  # in an outage: to see when it is over
        self._broker.close()

    def _push(self, jobs: int) -> bool:
        try:
            accepted = self._bench.push_all([self._job() for _ in range(jobs)], self._broker)
        except CeleriacError:
            return False
        self._accepted.update(accepted)
        return bool(accepted)

    def _waiting(self) -> int:
        """Return how many accepted jobs have not begun, by the ledger: the broker has enough to do."""
        self._begun.update(line.words[1] for line in self._bodies.news() if line.words[0] == "start")
        self._accepted -= self._begun
        return len(self._accepted)

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
            return job("stamp", limits=STAMP_LIMITS) if self._transactional else job("noop")
        if kind < 0.96:
            return job("flaky", 1)
        return job("noop", state=State.SCHEDULED, run_at=time.time() + self._random.uniform(0.05, 0.5))
