"""A job of Django's ``@task`` run in its caller's process: ``task_always_eager``, and the backend for tests."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from celeriac.app import Celery
from celeriac.backend.result import JobResult, recorded
from celeriac.backend.running import attempts_of, ended_here
from celeriac.eager import run_eagerly
from celeriac.engine.job import Job
from celeriac.engine.outcome import Outcome


def run_now(app: Celery, job: Job, result: JobResult) -> None:
    """Run a job to its end, retries included but without their delays. ``result`` becomes what it ended in.

    Raises nothing of what the task raises, ``KeyboardInterrupt`` and ``SystemExit`` apart.
    """
    job.created = app.clock.wall()
    ended: list[Outcome] = []
    outer = ended_here.set((job.id, ended))
    try:
        run_eagerly(app, job, propagate=False, told=ended.append)
    finally:
        ended_here.reset(outer)
    result.take(recorded(result.task, _record(job, ended), attempts_of(ended), app.cipher))


def _record(job: Job, ended: Sequence[Outcome]) -> Job:
    last = ended[-1]
    return msgspec.structs.replace(
        job, state=last.state, attempts=sum(outcome.counts for outcome in ended), started=last.started,
        finished=last.finished, result=last.result, progress=last.progress, worker=last.worker, run_at=None,
    )  # fmt: skip
