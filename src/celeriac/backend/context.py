"""What a function with ``takes_context=True`` is given: its attempt, its job, and metadata that it may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async

from celeriac.backend.djangotasks import TaskContext
from celeriac.backend.result import JobResult
from celeriac.engine.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext(TaskContext):  # type: ignore[misc]  # as JobResult
    """Django's ``TaskContext``, with the job and its metadata. ``attempt`` is 1 at the first attempt."""

    task_result: JobResult
    job: Request
    """The running job, as ``self.request`` is in a bound task of ``@shared_task``: ``id``, ``parent_id``, ``headers``, ..."""
    metadata: dict[str, Any]
    """Plain JSON, to be changed; ``save_metadata()`` keeps it."""

    def save_metadata(self) -> None:
        """Let the result, and the next attempt, have ``metadata`` as it is now.

        It is written soon, not at once, as ``celeriac.progress()`` is. Raises ``TypeError`` for what is not JSON,
        ``ValueError`` for a key that begins with ``_``.
        """
        backend: Any = self.task_result.task.get_backend()
        backend.save_metadata(self.task_result, self.metadata)

    async def asave_metadata(self) -> None:
        """``save_metadata`` for coroutines."""
        await sync_to_async(self.save_metadata)()
