"""How a project's jobs are, at a glance: who works, what waits and since when, how fast it goes, what failed lately."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from celeriac.engine.brokers.base import QueueInfo, Snapshot, WorkerInfo
from celeriac.engine.codec import decode_failure
from celeriac.engine.errors import UnreadablePayload
from celeriac.engine.job import Job, State

if TYPE_CHECKING:
    from celeriac.app import Celery

LATELY = 3_600.0
MANY = 1000
"""Failures and running jobs that are looked at."""
BEAT = "beat"
"""The pool of a worker that only fires what is due."""


class Failures(msgspec.Struct, kw_only=True):
    """The jobs of one task that failed alike."""

    task: str
    error: str
    jobs: int
    last: str
    """The id of the latest."""
    when: float | None


class Overview(msgspec.Struct, kw_only=True):
    """What ``celeriac status`` shows. Times are seconds since 1970 UTC on the broker's clock."""

    time: float
    workers: list[WorkerInfo]
    queues: list[QueueInfo]
    unserved: list[str]
    """Queues in which jobs wait or are scheduled, and that no worker serves."""
    running: list[Job]
    """The jobs that run, those that began first first."""
    came: float | None
    """Jobs a second that arrived, between the snapshots; None where there was but one."""
    went: float | None
    """Jobs a second that ended."""
    failed: int
    failures: list[Failures]

    @property
    def oldest(self) -> float | None:
        """Since when the oldest waiting job waits, in seconds before ``time``."""
        since = [queue.oldest for queue in self.queues if queue.oldest is not None]
        return max(0.0, self.time - min(since)) if since else None


def look(app: Celery, earlier: Snapshot | None = None) -> tuple[Overview, Snapshot]:
    """Return an overview, with rates since an ``earlier`` snapshot; and the snapshot it was made of."""
    broker = app.broker()
    snapshot: Snapshot = broker.snapshot()
    workers: list[WorkerInfo] = broker.workers()
    failed: list[Job] = broker.failures(LATELY, MANY)
    running: list[Job] = broker.find({"state": State.RUNNING}, MANY)
    came, went = rates(earlier, snapshot)
    overview = Overview(
        time=snapshot.time, workers=workers, queues=snapshot.queues, unserved=unserved(snapshot, workers),
        running=sorted(running, key=lambda job: job.started or job.created or 0.0), came=came, went=went,
        failed=len(failed), failures=grouped(failed),
    )  # fmt: skip
    return overview, snapshot


def look_for(app: Celery, seconds: float) -> Overview:
    """Return an overview with the rates of the next ``seconds``."""
    earlier = app.broker().snapshot()
    time.sleep(seconds)
    return look(app, earlier)[0]


def rates(earlier: Snapshot | None, later: Snapshot) -> tuple[float | None, float | None]:
    """Return how many jobs a second came and went between two snapshots."""
    seconds = 0.0 if earlier is None else later.time - earlier.time
    if earlier is None or seconds <= 0:
        return None, None
    came = max(0, later.newest - earlier.newest)
    went = max(0, came - (_at_hand(later) - _at_hand(earlier)))
    return came / seconds, went / seconds


def _at_hand(snapshot: Snapshot) -> int:
    return sum(queue.waiting + queue.scheduled + queue.running + queue.parked for queue in snapshot.queues)


def served_queues(workers: list[WorkerInfo]) -> set[str]:
    """Return the queues that living workers serve."""
    return {queue for worker in workers for queue in worker.queues}


def unserved(snapshot: Snapshot, workers: list[WorkerInfo]) -> list[str]:
    """Return the queues with work that no living worker serves."""
    served = served_queues(workers)
    return [queue.name for queue in snapshot.queues if (queue.waiting or queue.scheduled) and queue.name not in served]


def grouped(failed: list[Job]) -> list[Failures]:
    """Return failures by task and kind of error, the most frequent first."""
    kinds = [(job.task, kind_of_error(job)) for job in failed]
    latest = dict(reversed(list(zip(kinds, failed, strict=True))))
    return [
        Failures(task=task, error=error, jobs=jobs, last=latest[task, error].id, when=latest[task, error].finished)
        for (task, error), jobs in Counter(kinds).most_common()
    ]


def kind_of_error(job: Job) -> str:
    """Return the class of the error that a job failed with."""
    try:
        return decode_failure(job.result).type if job.result is not None else "-"
    except UnreadablePayload:
        return "-"
