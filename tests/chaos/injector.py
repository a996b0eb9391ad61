"""What is done to workers while they work. Every deed is in the ledger before it happens, with the processes it hits."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Sequence

from tests.chaos.bench import Bench
from tests.chaos.ledger import Tail
from tests.chaos.workers import WorkerProcess

YOUNG_TOO = 0.1
"""How often a child is killed that has not run anything yet."""


class Injector:
    """Picks its victims with a seeded generator. ``crew`` is the list of workers that are up, in the harness's own order."""

    def __init__(self, bench: Bench, crew: list[WorkerProcess], lease: float, seed: int) -> None:
        self.bench = bench
        self.crew = crew
        self.lease = lease
        self.random = random.Random(seed)
        self._grown: set[int] = set()
        self._bodies = Tail(bench.ledger, "run")

    def _record(self, kind: str, pids: Sequence[int]) -> None:
        self.bench.ledger.write("fault", kind, *pids)

    def kill_child(self) -> int:
        """Kill one child of one worker, whatever it does."""
        time.sleep(self.random.uniform(0.05, 0.25))
        self._grown |= {int(line.words[-1]) for line in self._bodies.news()}
        children = [pid for worker in self.crew for pid in worker.with_role("child") if self._is_grown(pid)]
        if not children:
            return 0
        pid = self.random.choice(children)
        self._record("child-kill", [pid])
        _send(pid, signal.SIGKILL)
        return 1

    def _is_grown(self, pid: int) -> bool:
        """Return whether a child has run a job. Now and then any will do: to kill none but the new-born would end all work."""
        return self.random.random() < YOUNG_TOO or pid in self._grown

    def kill_workers(self) -> int:
        """Kill every process of all workers but the first, at once, and start others in their places.

        The first lives throughout: it is who rescues. A worker that is itself new may not judge others for one lease.
        """
        victims = range(1, len(self.crew))
        for index in victims:
            self._record("worker-kill", self.crew[index].freeze())  # for a moment, so that none is forked past the record
            self.crew[index].kill()
        for index in victims:
            self.crew[index] = self.bench.crew.start(ready=False)
        for index in victims:
            self.crew[index].await_ready()
        time.sleep(self.random.uniform(0.05, 0.4))
        return len(victims)

    def freeze_workers(self) -> int:
        """Stop all workers but one for longer than their leases, then let them go on as if nothing had happened."""
        survivor = self.random.choice(self.crew)
        victims = [worker for worker in self.crew if worker is not survivor]
        for worker in victims:
            self._record("stop", worker.freeze())
        time.sleep(self.lease + 1.0 + self.random.uniform(0.1, 0.4))  # the lease, and the second between two looks at it
        for worker in victims:
            worker.tell_all(signal.SIGCONT)
        time.sleep(self.random.uniform(0.3, 0.8))
        return len(victims)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it was faster
