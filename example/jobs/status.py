"""What is known of a job, looked up by its id and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from celeriac import AsyncResult


@dataclass(frozen=True)
class Status:
    """A job as its page shows it."""

    id: str
    state: str
    finished: bool
    done: int
    total: int
    message: str
    result: str
    error: str

    @property
    def percent(self) -> int:
        """How far the job is, 0 to 100."""
        if self.state == "SUCCESS":
            return 100
        return round(100 * self.done / self.total) if self.total else 0


def look_up(job_id: str) -> Status:
    """Ask the store. Any process can: an id is all it takes."""
    job = AsyncResult(job_id)
    progress = job.progress or {}
    return Status(
        id=job_id,
        state=job.state,
        finished=job.ready(),
        done=progress.get("done", 0),
        total=progress.get("total", 0),
        message=progress.get("message", ""),
        result=in_words(job.result) if job.successful() else "",
        error=str(job.result) if job.state in {"FAILURE", "RETRY", "REVOKED"} else "",
    )


def in_words(result: Any) -> str:
    """Return a result as a line for people."""
    if isinstance(result, dict):
        return ", ".join(f"{name}: {value}" for name, value in result.items())
    return str(result)
