"""Workers in Django's admin: who is alive, and what each runs."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import display, register
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from celeriac import models
from celeriac.admin.store import StoreAdmin, StoreChangeList
from celeriac.admin.texts import moment
from celeriac.cli.durations import span
from celeriac.engine.job import Job
from celeriac.overview import look


@register(models.Worker)
class WorkerAdmin(StoreAdmin):
    """The workers whose leases have not run out."""

    list_display = ("named", "runs", "of", "from_queues", "kind", "place", "release", "since", "until")

    def rows(self, page: StoreChangeList) -> list[Any]:
        """Return the living workers, each with what it runs."""
        overview, _snapshot = look(self.app)
        return [
            self._row(worker, [job for job in overview.running if job.worker == worker.id], overview.time)
            for worker in overview.workers
        ]

    @staticmethod
    def _row(worker: Any, running: list[Job], now: float) -> Any:
        row = models.Worker(id=worker.id, name=worker.name)
        row.info, row.running, row.now = worker, running, now  # type: ignore[attr-defined]  # what the columns show
        return row

    @display(description=_("worker"))
    def named(self, row: Any) -> str:
        """Its name."""
        return str(row.info.name)

    @display(description=_("runs now"))
    def runs(self, row: Any) -> Any:
        """What it runs, with the time since each began."""
        items = [
            (
                reverse("admin:celeriac_job_change", args=[job.id], current_app=self.admin_site.name),
                job.task,
                self._for(row, job),
            )
            for job in row.running
        ]
        if not items:
            return None
        return format_html('<ul class="celeriac-list">{}</ul>', format_html_join("", '<li><a href="{}">{}</a> {}</li>', items))

    @staticmethod
    def _for(row: Any, job: Job) -> str:
        return span(max(0.0, row.now - job.started)) if job.started else ""

    @display(description=_("busy"))
    def of(self, row: Any) -> str:
        """How many of its places are taken."""
        return f"{len(row.running)} / {row.info.concurrency}"

    @display(description=_("queues"))
    def from_queues(self, row: Any) -> str:
        """The queues it takes jobs from."""
        return ", ".join(row.info.queues)

    @display(description=_("pool"))
    def kind(self, row: Any) -> str:
        """The kind of its pool."""
        return str(row.info.pool)

    @display(description=_("host and pid"))
    def place(self, row: Any) -> str:
        """Where it runs."""
        return f"{row.info.host} {row.info.pid}"

    @display(description=_("version"))
    def release(self, row: Any) -> str:
        """Its version of Celeriac."""
        return str(row.info.version)

    @display(description=_("since"))
    def since(self, row: Any) -> str | None:
        """When it joined."""
        return moment(row.info.started)

    @display(description=_("lease until"))
    def until(self, row: Any) -> str | None:
        """Until when it is taken for alive."""
        return moment(row.info.lease)
