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


def look_up(job_id: str) -> Status | None:
    """Ask the store; None for an id that it does not know. Any process can ask: an id is all it takes."""
    job = AsyncResult(job_id)
    if not job.exists():
        return None
    # Asked first: an ended job is not read again, so that all the rest is of one moment.
    finished = job.ready()
    progress = job.progress or {}
    return Status(
        id=job_id,
        state=job.state,
        finished=finished,
        done=progress.get("done") or 0,
        total=progress.get("total") or 0,
        message=progress.get("message") or "",
        result=in_words(job.result) if job.successful() else "",
        error=last_error(job),
    )


def last_error(job: AsyncResult[Any]) -> str:
    """Return what went wrong in the last attempt that failed, even where a later one succeeded."""
    failures = [attempt.failure for attempt in job.attempts() if attempt.failure is not None]
    return f"{failures[-1].type}: {failures[-1].message}" if failures else ""


def in_words(result: Any) -> str:
    """Return a result as a line for people."""
    if isinstance(result, dict):
        return ", ".join(f"{name}: {value}" for name, value in result.items())
    return str(result)
