"""What a ticker knows of a periodic task, and what it decides about one that is due. Times are seconds since 1970 UTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from celeriac.engine.job import Job


class Entry(msgspec.Struct, gc=False):
    """A row of the table of periodic tasks, as it was read. What is JSON may still be text, and need not be readable."""

    id: int
    name: str
    kind: str
    fields: Any
    time_zone: str
    task: str
    args: Any
    kwargs: Any
    queue: str
    priority: int | None
    headers: Any
    options: Any
    start: float | None
    end: float | None
    one_off: bool
    misfire: str
    misfire_limit: int
    overlap: str
    jitter: float
    next_run: float | None
    """The nominal time of its next tick. None: it is to be planned anew."""
    held: float | None
    """The nominal time of a tick that is late on purpose: it waits for the job before it, or for who knows its task."""
    last_run: float | None
    last_job: str | None
    recent: Any = ()
    """The ids of its last jobs, the latest last. May still be text, too."""


class Step(msgspec.Struct, kw_only=True, gc=False):
    """What becomes of an entry: the jobs of its ticks, and what its row says from now on."""

    entry: int
    jobs: Sequence[Job] = ()
    next_run: float | None = None
    held: float | None = None
    enabled: bool = True
    recent: Sequence[str] | None = None
    """The ids of its last jobs from now on. None: as they were."""
    problem: str = ""
    """Why it does not run, in a sentence for people."""
    zone: str = ""
    """Of an entry that was planned anew: the project's zone, where its next run depends on that."""


IsLive = Callable[[str], bool]
"""Returns whether the job of an id has not ended yet."""

Planner = Callable[[Sequence[Entry], float, IsLive], Sequence[Step]]
"""Returns a step for each entry, all due at the given time. Called inside a transaction: it does not raise."""
