"""Backends of Django's tasks for the settings of tests: one that records what is enqueued, one that runs it at once.

They take what ``CeleriacBackend`` takes, its options of ``@task`` among them, and need neither a broker nor a database.
``celeriac.testing.override(mode=...)`` does the same for a single test, and for the tasks of ``@shared_task`` too.
"""

from __future__ import annotations

from typing import Any

from celeriac.app import Celery
from celeriac.backend import CeleriacBackend, JobResult
from celeriac.backend.djangotasks import TaskResultDoesNotExist, signals
from celeriac.backend.immediate import run_now
from celeriac.engine.job import Job


class RecordingBackend(CeleriacBackend):
    """Keeps what is enqueued in ``results``, as Django's ``DummyBackend`` does, and runs nothing."""

    supports_get_result = False  # by another thread

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.results: list[JobResult] = []

    def accept(self, app: Celery, job: Job, result: JobResult) -> None:
        """Keep the result."""
        self.results.append(result)
        signals.task_enqueued.send(type(self), task_result=result)

    def get_result(self, result_id: str) -> JobResult:
        """Return a result that was kept. Raises ``TaskResultDoesNotExist``."""
        for result in self.results:
            if result.id == result_id:
                return result
        raise TaskResultDoesNotExist(f"Nothing with the id {result_id} was enqueued since clear().")

    async def aget_result(self, result_id: str) -> JobResult:
        """``get_result`` for coroutines."""
        return self.get_result(result_id)

    def clear(self) -> None:
        """Forget all."""
        self.results.clear()


class ImmediateBackend(RecordingBackend):
    """Runs each job at its enqueueing, with its retries and without their delays. The result has ended then."""

    def accept(self, app: Celery, job: Job, result: JobResult) -> None:
        """Run the job."""
        super().accept(app, job, result)
        run_now(app, job, result)
