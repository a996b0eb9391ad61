"""What the list of jobs is narrowed down by. The choices come from the code, so that none of them costs a query."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from celeriac.current import current_app
from celeriac.models import Job
from celeriac.queues import declared_queues

HOUR = 3_600.0
WITHIN = {"hour": HOUR, "day": 24 * HOUR, "week": 168 * HOUR}


class JobFilter(SimpleListFilter):
    """A filter that the list reads itself."""

    def names(self) -> list[str]:
        """Return the choices, where they are their own texts."""
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices, with the one that is asked for where it is not among them."""
        asked = self.value()
        names = self.names()
        return [(name, name) for name in [*names, *([asked] if asked and asked not in names else [])]]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Leave the search to the list."""
        return queryset


class StateFilter(JobFilter):
    """By state."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the states."""
        return list(Job.State.choices)


class WithinFilter(JobFilter):
    """By when they were enqueued."""

    title = _("time")
    parameter_name = "within"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the spans."""
        return [("hour", _("the last hour")), ("day", _("the last 24 hours")), ("week", _("the last 7 days"))]


class QueueFilter(JobFilter):
    """By queue: those that the project names."""

    title = _("queue")
    parameter_name = "queue"

    def names(self) -> list[str]:
        """Return the queues."""
        return sorted(declared_queues(current_app()))


class TaskFilter(JobFilter):
    """By task: those that are registered."""

    title = _("task")
    parameter_name = "task"

    def names(self) -> list[str]:
        """Return the tasks."""
        return sorted(name for name in current_app().tasks if not name.startswith("celery."))
