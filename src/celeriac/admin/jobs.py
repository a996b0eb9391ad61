"""Jobs in Django's admin: the list, the page of one, and what may be done to them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import display, register
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from celeriac import models
from celeriac.admin.job_actions import ACTIONS, MEANT
from celeriac.admin.job_filters import WITHIN, JobFilter, QueueFilter, StateFilter, TaskFilter, WithinFilter
from celeriac.admin.job_record import JobRecord, mentions
from celeriac.admin.store import Selected, StoreAdmin, StoreChangeList
from celeriac.admin.texts import moment, shown_state
from celeriac.cli.durations import span
from celeriac.engine.errors import CeleriacError
from celeriac.engine.job import Job, State
from celeriac.jobs import worker_names
from celeriac.listing import Page, Wanted, page

BEFORE, TRAIL = "before", "trail"
"""In an address: where the page begins, and where the newer ones before it began."""
STEPS = 50
"""Newer pages that an address remembers."""


class JobList(StoreChangeList):
    """A page of jobs by number: ``before`` is the number that all of them are older than."""

    def __init__(self, request: HttpRequest, *arguments: Any) -> None:
        self.before = _number(request.GET.get(BEFORE))
        self.trail = [number for text in request.GET.get(TRAIL, "").split(".") if (number := _number(text)) is not None]
        self.page = Page(jobs=[], before=None)
        super().__init__(request, *arguments)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        """Read the filters; another choice of them begins with the newest jobs."""
        for name in (BEFORE, TRAIL):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        return super().get_queryset(request, exclude_parameters)

    def wanted(self) -> Wanted:
        """Return what the filters and the search ask for. Raises ``IncorrectLookupParameters``."""
        filters = [spec for spec in self.filter_specs if isinstance(spec, JobFilter)]
        asked = {spec.parameter_name: value for spec in filters if (value := spec.value())}
        try:
            state = State(asked["state"]) if "state" in asked else None
            within = WITHIN[asked["within"]] if "within" in asked else None
        except (ValueError, KeyError) as error:
            raise IncorrectLookupParameters(error) from error
        return Wanted(state=state, within=within, task=asked.get("task"), queue=asked.get("queue"), text=self.query.strip())

    @property
    def reached(self) -> str | None:
        """Where the time was up before the page was full: when the last job that was looked at was enqueued."""
        return moment(self.page.reached)

    @property
    def older_address(self) -> str | None:
        """The address of the page of older jobs."""
        if self.page.before is None:
            return None
        trail = [*self.trail, self.before or 0][-STEPS:]
        return self._address(self.page.before, trail)

    @property
    def newer_address(self) -> str | None:
        """The address of the page that this one follows."""
        if self.before is None:
            return None
        *rest, last = self.trail or [0]
        return self._address(last, rest)

    def _address(self, before: int, trail: list[int]) -> str:
        place = {BEFORE: [str(before)], TRAIL: [".".join(map(str, trail))]} if before else {}
        return "?" + urlencode({**self.filter_params, **place}, doseq=True)


def _number(text: str | None) -> int | None:
    """Return the number in an address; None where there is none that a job could have."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) < 2**63 else None


@register(models.Job)
class JobAdmin(StoreAdmin):
    """The jobs of a project, wherever they are kept."""

    actions: Any = ACTIONS
    list_display = ("job", "where", "in_queue", "enqueued", "took", "began", "ended", "by")
    list_display_links = ("job",)
    list_filter = (StateFilter, WithinFilter, QueueFilter, TaskFilter)
    search_fields = ("id",)
    search_help_text = gettext_lazy("An id or its beginning, or a part of the task's name or of the arguments.")
    change_list_template = "admin/celeriac/job/change_list.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[JobList]:
        """Return the list with pages by number."""
        return JobList

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses: the list, a job and who did what to it."""
        view, name = self.admin_site.admin_view, f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            *super().get_urls(),
            path("<path:object_id>/history/", view(self.history_view), name=f"{name}_history"),
            path("<path:object_id>/change/", view(self.change_view), name=f"{name}_change"),
        ]

    # -- rows --------------------------------------------------------------------------------------------------------------

    def row(self, job: Job, worker: str | None = None) -> Any:
        """Return a job as a row of the page. Its key there is its id: numbers are the store's own."""
        row = models.Job(number=job.id, id=job.id, task=job.task)
        row.record, row.worker_name = job, worker  # type: ignore[attr-defined]  # what the columns show
        return row

    def rows(self, page: StoreChangeList) -> list[Any]:
        """Return the jobs of a page; the one whose id was searched for, where there is one."""
        assert isinstance(page, JobList)
        page.page = self._page(page)
        names = worker_names(self.app, page.page.jobs)
        return [self.row(job, names[job.id]) for job in page.page.jobs]

    def _page(self, asked: JobList) -> Page:
        wanted = asked.wanted()
        named = self.app.broker().get(wanted.text) if wanted.text else None
        if named is not None:
            return Page(jobs=[named], before=None)
        fits = (lambda job: mentions(self.app, job, wanted.text)) if wanted.text else None
        return page(self.app, wanted, asked.before, fits=fits)

    def chosen(self, selected: Selected) -> list[Job]:
        """Return the jobs that were chosen, as they are now."""
        found = [self.app.broker().get(id) for id in selected.names]
        return [job for job in found if job is not None]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return one job as a row, or None."""
        job = self.app.broker().get(object_id)
        return None if job is None else self.row(job)

    @display(description=gettext_lazy("task"))
    def job(self, row: Any) -> str:
        """The name of the task."""
        return str(row.record.task)

    @display(description=gettext_lazy("state"))
    def where(self, row: Any) -> Any:
        """The state, as a coloured word."""
        return shown_state(row.record.state)

    @display(description=gettext_lazy("queue"))
    def in_queue(self, row: Any) -> str:
        """The queue."""
        return str(row.record.queue)

    @display(description=gettext_lazy("enqueued"))
    def enqueued(self, row: Any) -> str | None:
        """When it was enqueued."""
        return moment(row.record.created)

    @display(description=gettext_lazy("started"))
    def began(self, row: Any) -> str | None:
        """When its last attempt began."""
        return moment(row.record.started)

    @display(description=gettext_lazy("finished"))
    def ended(self, row: Any) -> str | None:
        """When it ended."""
        return moment(row.record.finished)

    @display(description=gettext_lazy("took"))
    def took(self, row: Any) -> str | None:
        """How long its last attempt took, or has taken until now."""
        job = row.record
        end = self.app.clock.wall() if job.state is State.RUNNING else job.finished
        return span(max(0.0, end - job.started)) if end and job.started else None

    @display(description=gettext_lazy("worker"))
    def by(self, row: Any) -> str | None:
        """The worker that ran it last."""
        return row.worker_name or None

    # -- permissions ---------------------------------------------------------------------------------------------------------

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may retry jobs."""
        return self.may(request, "retry")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may cancel jobs."""
        return self.may(request, "cancel")

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run scheduled jobs now."""
        return self.may(request, "run")

    # -- the page of one job -------------------------------------------------------------------------------------------------

    def to_list(self) -> HttpResponseRedirect:
        """Return the way back to the list."""
        return HttpResponseRedirect(reverse("admin:celeriac_job_changelist", current_app=self.admin_site.name))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show one job; carry out what is asked of it there."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return self._one_job(request, unquote(object_id))
        except CeleriacError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:index", current_app=self.admin_site.name))

    def _one_job(self, request: HttpRequest, id: str) -> Any:
        row = self.get_object(request, id)
        if row is None:
            messages.warning(
                request, _("There is no job {id}. It may have been deleted: ended jobs are kept for a time.").format(id=id)
            )
            return self.to_list()
        if request.method == "POST" and "reveal" not in request.POST:
            return self.response_action(request, self.choice([id])) or HttpResponseRedirect(request.get_full_path())
        return self._shown(request, row, self._is_revealed(request, row))

    def _is_revealed(self, request: HttpRequest, row: Any) -> bool:
        """Return whether what is hidden is to be shown, which is written down. Raises ``PermissionDenied``."""
        if request.method != "POST":
            return False
        if not self.may(request, "reveal"):
            raise PermissionDenied
        self.write_down(request, [row], CHANGE, _("Looked at what is hidden."))
        return True

    def _shown(self, request: HttpRequest, row: Any, revealed: bool) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "original": row, "change": True,
            "title": row.record.task, "subtitle": None, "media": self.media,
            "record": JobRecord(self.app, row.record, revealed),
            "has_view_permission": True, "may_reveal": self.may(request, "reveal") and not revealed,
            "actions": [each for each in self.get_action_choices(request, []) if row.record.state in MEANT[each[0]]],
            "checkbox": ACTION_CHECKBOX_NAME,
        }  # fmt: skip
        request.current_app = self.admin_site.name
        response = TemplateResponse(request, "admin/celeriac/job/change_form.html", context)
        add_never_cache_headers(response)
        return response
