"""A page of the list of jobs, which takes no longer the more jobs there are: it looks at as many as the time allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from celeriac.engine.job import Job, State

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.engine.brokers.base import Found

SIZE = 50
DEPTH = 2000
"""Jobs that are looked at between two looks at the clock."""
PATIENCE = 0.1
"""Seconds after which a page is shown with what was found so far."""

Fits = Callable[[Job], bool]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs a list shows."""

    state: State | None = None
    task: str | None = None
    queue: str | None = None
    within: float | None = None
    """Seconds since they were enqueued, at most."""
    text: str = ""
    """The beginning of an id, or a part of the task's name or of the arguments."""


class Page(msgspec.Struct, kw_only=True):
    """Some jobs, the newest first."""

    jobs: list[Job]
    before: int | None
    """Where the page of older ones begins; None where there are none."""
    reached: float | None = None
    """Where the time was up before the page was full: when the last job that was looked at was enqueued."""


def page(
    app: Celery,
    wanted: Wanted,
    before: int | None = None,
    size: int = SIZE,
    patience: float = PATIENCE,
    fits: Fits | None = None,
) -> Page:
    """Return a page of the jobs that are older than ``before``, which the page before it names.

    ``fits`` decides in the end whether a job that mentions the text is shown.
    """
    broker = app.broker()
    where = {name: value for name in ("state", "task", "queue") if (value := getattr(wanted, name)) is not None}
    since = None if wanted.within is None else app.clock.wall() - wanted.within
    deadline = time.monotonic() + patience
    jobs: list[Job] = []
    while True:
        part: Found = broker.search(where, size + 1 - len(jobs), before, DEPTH, wanted.text)
        jobs += [job for job in part.jobs if (since is None or (job.created or 0.0) >= since) and (fits is None or fits(job))]
        before = None if _is_over(broker, part, since) else part.before
        if len(jobs) > size:
            return Page(jobs=jobs[:size], before=jobs[size - 1].number)
        if before is None:
            return Page(jobs=jobs, before=None)
        if time.monotonic() >= deadline:
            return Page(jobs=jobs, before=before, reached=part.reached)


def _is_over(broker: Any, part: Found, since: float | None) -> bool:
    """Return whether everything older is too old. Numbers are in the order of arrival nearly everywhere."""
    return since is not None and broker.capabilities.ordered and part.reached is not None and part.reached < since
