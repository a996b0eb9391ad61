"""A child of nobody, by which claims are measured."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from statistics import quantiles
from typing import Any

from celeriac.current import current_app
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Outcome

QUEUE = "celery"
LEASE = 3_600.0


class Child:
    """Claims jobs and settles them, as a worker's child does."""

    def __init__(self) -> None:
        self.broker: Any = current_app().broker().clone()
        self.id = f"measuring-{os.getpid()}-{time.monotonic_ns()}"
        worker = WorkerInfo(
            id=f"w-{self.id}", name="measuring", host=socket.gethostname(), pid=os.getpid(), pool="solo", concurrency=1,
            queues=[QUEUE], version="",
        )  # fmt: skip
        self.broker.join(worker, LEASE)
        self.broker.enrol(worker.id, self.id)

    def claim(self, limit: int) -> tuple[list[Job], float]:
        """Claim jobs; return them and the milliseconds it took."""
        begun = time.perf_counter()
        jobs = self.broker.claim([QUEUE], limit, self.id)
        return jobs, (time.perf_counter() - begun) * 1000

    def settle(self, jobs: Sequence[Job]) -> None:
        """Have them succeed."""
        now = time.time()
        self.broker.settle([Outcome(token=job.token, state=State.SUCCEEDED, started=now, finished=now) for job in jobs])


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """Return p50 and p99."""
    cuts = quantiles(milliseconds, n=100)
    return {"p50": cuts[49], "p99": cuts[98]}
