"""Queues in Django's admin: what is in them and since when; pause, resume and purge."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import action, display, register
from django.contrib.admin.models import CHANGE
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from celeriac import models
from celeriac.admin.store import Selected, StoreAdmin, StoreChangeList
from celeriac.admin.texts import badge
from celeriac.cli.durations import span
from celeriac.engine.brokers.base import QueueInfo
from celeriac.overview import look
from celeriac.queues import declared_queues


@register(models.Queue)
class QueueAdmin(StoreAdmin):
    """The queues that have something, and those that the project names."""

    actions = ("pause", "resume", "purge")
    list_display = ("named", "condition", "waiting", "running", "scheduled", "parked", "oldest")

    def rows(self, page: StoreChangeList) -> list[Any]:
        """Return the queues by name."""
        overview, _snapshot = look(self.app)
        known = {queue.name: queue for queue in overview.queues}
        for name in declared_queues(self.app):
            known.setdefault(name, QueueInfo(name=name))
        return [self._row(known[name], overview.time, name in overview.unserved) for name in sorted(known)]

    @staticmethod
    def _row(queue: QueueInfo, now: float, unserved: bool) -> Any:
        row = models.Queue(name=queue.name)
        row.info, row.now, row.unserved = queue, now, unserved  # type: ignore[attr-defined]  # what the columns show
        return row

    def has_pause_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may pause and resume queues."""
        return self.may(request, "pause")

    def has_purge_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may purge queues."""
        return self.may(request, "purge")

    # -- columns -------------------------------------------------------------------------------------------------------------

    @display(description=gettext_lazy("queue"))
    def named(self, row: Any) -> str:
        """Its name."""
        return str(row.info.name)

    @display(description=gettext_lazy("condition"))
    def condition(self, row: Any) -> Any:
        """What is wrong with it, or that it is open."""
        if row.info.paused:
            return badge(_("paused"), "running")
        return badge(_("no worker"), "bad") if row.unserved else badge(_("open"), "other")

    @display(description=gettext_lazy("waiting"))
    def waiting(self, row: Any) -> int:
        """How many jobs wait."""
        return int(row.info.waiting)

    @display(description=gettext_lazy("running"))
    def running(self, row: Any) -> int:
        """How many run."""
        return int(row.info.running)

    @display(description=gettext_lazy("scheduled"))
    def scheduled(self, row: Any) -> int:
        """How many wait for their time."""
        return int(row.info.scheduled)

    @display(description=gettext_lazy("parked"))
    def parked(self, row: Any) -> int:
        """How many wait for a person."""
        return int(row.info.parked)

    @display(description=gettext_lazy("oldest waits for"))
    def oldest(self, row: Any) -> str | None:
        """How long the oldest has waited."""
        return None if row.info.oldest is None else span(max(0.0, row.now - row.info.oldest))

    # -- actions -------------------------------------------------------------------------------------------------------------

    def _named(self, selected: Selected) -> list[Any]:
        return [models.Queue(name=name) for name in selected.names]

    @action(description=gettext_lazy("Pause: what runs goes on"), permissions=["pause"])
    def pause(self, request: HttpRequest, selected: Selected) -> None:
        """Stop handing out jobs."""
        changed = self.app.control.pause(*selected.names)
        self.write_down(request, self._named(selected), CHANGE, _("Paused."))
        messages.success(request, _("Queues paused: {n} of {all}.").format(n=changed, all=len(selected.names)))

    @action(description=gettext_lazy("Resume"), permissions=["pause"])
    def resume(self, request: HttpRequest, selected: Selected) -> None:
        """Hand out jobs again."""
        changed = self.app.control.resume(*selected.names)
        self.write_down(request, self._named(selected), CHANGE, _("Resumed."))
        messages.success(request, _("Queues resumed: {n} of {all}.").format(n=changed, all=len(selected.names)))

    @action(description=gettext_lazy("Purge: cancel what waits or is scheduled"), permissions=["purge"])
    def purge(self, request: HttpRequest, selected: Selected) -> Any:
        """Cancel what waits, once that is confirmed."""
        rows = self._named(selected)
        question = _("Everything that waits or is scheduled in these queues is to be cancelled:")
        if (asked := self.ask(request, "purge", question, rows)) is not None:
            return asked
        purged = self.app.control.purge(*selected.names)
        self.write_down(request, rows, CHANGE, _("Purged: what waited or was scheduled is cancelled."))
        messages.success(request, _("Jobs cancelled: {n}.").format(n=purged))
        return None
