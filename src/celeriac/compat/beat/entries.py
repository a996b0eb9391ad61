"""celery.beat: the names that programs import. An entry may be declared; no scheduler is needed, and none can be replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from celeriac.engine.translation import gettext as _
from celeriac.exceptions import NotInThisVersion
from celeriac.schedules import maybe_schedule


class ScheduleEntry:
    """One entry of a schedule, as data."""

    def __init__(
        self,
        name: str | None = None,
        task: str | None = None,
        last_run_at: datetime | None = None,
        total_run_count: int | None = None,
        schedule: Any = None,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        relative: bool = False,
        app: Any = None,
    ) -> None:
        self.name = name
        self.task = task
        self.last_run_at = last_run_at
        self.total_run_count = total_run_count or 0
        self.schedule = maybe_schedule(schedule, relative, app)
        self.args = args
        self.kwargs = dict(kwargs or {})
        self.options = dict(options or {})

    def __repr__(self) -> str:
        return f"<ScheduleEntry: {self.name} {self.task} {self.schedule!r}>"


class Scheduler:
    """What a project's own scheduler is derived from. It can be declared, and not started."""

    Entry = ScheduleEntry

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotInThisVersion(
            _(
                "{name} cannot run: Celeriac has no schedulers to replace. Periodic tasks are rows of the table"
                " celeriac.models.PeriodicTask, and every worker fires what is due of them."
            ).format(name=type(self).__name__)
        )


class PersistentScheduler(Scheduler):
    """Celery's default one, which keeps its state in a file."""


class BeatLazyFunc:
    """An argument of an entry that Celery computes when the entry is due. Here it is computed in the task instead."""

    def __init__(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._compute = partial(func, *args, **kwargs)

    def __call__(self) -> Any:
        return self.delay()

    def delay(self) -> Any:
        """Compute it."""
        return self._compute()
