"""What Django's ``@task`` makes where Celeriac is the backend: a Task with options of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Self

from django.utils import timezone

from celeriac.backend.djangotasks import Task, TaskResult
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _

Backoff = Callable[[Exception, TaskResult], float | timedelta | None]
"""Called with what the attempt raised and with the result so far: returns seconds until the next attempt, None for none."""

OPTIONS = ("takes_context", "max_attempts", "backoff", "timeout", "expires", "transactional")
"""What belongs to the function, and is the same for every job of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CeleriacTask(Task):
    """A Task of Django with the options of ``@task(max_attempts=5, timeout=30)``. Durations are seconds or a ``timedelta``."""

    max_attempts: int | None = 1
    """How often a job is attempted before it has failed; None for ever."""
    backoff: Backoff | None = None
    """When to try again. Without: after up to 1, 2, 4, ... seconds, picked at random, at most 10 minutes."""
    timeout: float | timedelta | None = None
    """How long an attempt may take. ``SoftTimeLimitExceeded`` is raised in it then; 5 s later its process is killed."""
    expires: float | timedelta | None = None
    """How long after its enqueueing a job may begin; a later one is not run."""
    transactional: bool = False
    """Whether the function's changes and the job's end are one database transaction: exactly once."""
    metadata: Mapping[str, Any] | None = field(default=None, hash=False)
    """What a job begins with as ``context.metadata``: said with ``using(metadata=...)``."""

    def __new__(cls, **values: Any) -> Self:
        """Refuse unknown options, with the nearest name."""
        known = [one.name for one in fields(cls)]
        for name in values:
            if name not in known:
                raise TypeError(_("@task has no option {name!r}.{hint}").format(name=name, hint=did_you_mean(name, known)))
        return object.__new__(cls)

    def __post_init__(self) -> None:
        from celeriac.backend.runnable import register  # reason: what runs a Task is built on it

        Task.__post_init__(self)  # by name: a class with slots is made twice, and super() would find the first
        register(self)

    def using(
        self,
        *,
        priority: int | None = None,
        queue_name: str | None = None,
        run_after: datetime | timedelta | None = None,
        backend: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return a Task that differs in what is given. A ``timedelta`` as ``run_after`` counts from the enqueueing."""
        given: dict[str, Any] = {"priority": priority, "queue_name": queue_name, "run_after": run_after}
        given |= {"backend": backend, "metadata": metadata}
        return replace(self, **{name: value for name, value in given.items() if value is not None})


def options_of(task: Task) -> dict[str, Any]:
    """Return the options that belong to a Task's function; the defaults of one that another backend made."""
    defaults = {one.name: one.default for one in fields(CeleriacTask)}
    return {name: getattr(task, name, defaults[name]) for name in OPTIONS}


def variant(task: Task, **changes: Any) -> Task:
    """Return a Task as it was for one job.

    It is not validated again: what was allowed when the job was enqueued may be read for ever.
    """
    if all(getattr(task, name) == value for name, value in changes.items()):
        return task
    copy = object.__new__(type(task))
    for one in fields(task):
        object.__setattr__(copy, one.name, changes.get(one.name, getattr(task, one.name)))
    return copy


def due(task: Task) -> Task:
    """Return a Task whose ``run_after`` is a moment: a ``timedelta`` counts from now."""
    delay: Any = task.run_after  # Django documents a timedelta, and has a datetime in its types
    return variant(task, run_after=timezone.now() + delay) if isinstance(delay, timedelta) else task
