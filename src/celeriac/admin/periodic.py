"""Periodic tasks in the admin: a list, one form for every kind of schedule, and buttons."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import PositiveSmallIntegerField, QuerySet
from django.forms.models import model_to_dict
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from celeriac.admin.periodic_actions import PeriodicTaskActions
from celeriac.admin.periodic_columns import PeriodicTaskColumns, preview_data
from celeriac.admin.periodic_form import PeriodicTaskForm, inputs_of
from celeriac.admin.schedule_fields import TITLES, input_names
from celeriac.beat.checking import signature_text
from celeriac.beat.handling import nobody_ticks
from celeriac.beat.preview import UNREADABLE, preview_of
from celeriac.beat.rows import rows_of
from celeriac.current import current_app
from celeriac.models import PeriodicTask
from celeriac.schedules import KINDS

OF_THE_ENTRY = frozenset({"name", "enabled", "description"})
"""Inputs of which the preview says nothing."""


class StateFilter(admin.SimpleListFilter):
    """How the entries are, by what ``condition_of`` calls it."""

    title = gettext_lazy("state")
    parameter_name = "state"
    conditions: ClassVar[dict[str | None, dict[str, Any]]] = {
        "on": {"enabled": True, "retired": False},
        "off": {"enabled": False, "retired": False, "problem": ""},
        "retired": {"retired": True},
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices."""
        return [("on", _("on")), ("off", _("off")), ("broken", _("broken")), ("retired", _("retired"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> QuerySet[PeriodicTask]:
        """Return the entries of the chosen state."""
        if self.value() == "broken":
            return queryset.filter(retired=False).exclude(problem="")
        return queryset.filter(**self.conditions.get(self.value(), {}))


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(PeriodicTaskColumns, PeriodicTaskActions):
    """One row an entry. A change takes effect at the tickers' next look, within a second."""

    form = PeriodicTaskForm
    list_display = ("name", "state", "when", "next_time", "last_time", "task", "source")
    list_filter = (StateFilter, "origin")
    search_fields = ("name", "task", "description")
    ordering = ("name",)
    show_full_result_count = False
    save_on_top = True
    readonly_fields = (
        "outlook",
        "state",
        "problem_text",
        "source",
        "changes",
        "next_time",
        "last_time",
        "total_run_count",
        "last_runs",
    )

    formfield_overrides: ClassVar = {PositiveSmallIntegerField: {"min_value": None}}  # ``timing_problems`` says it better

    class Media:
        js = (forms.Script("celeriac/periodic.js", type="module"),)
        css: ClassVar = {"all": ("celeriac/periodic.css",)}

    # -- where the rows are --------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeriodicTask]:
        """Return the entries of the database where the tickers look."""
        return rows_of(current_app()).order_by(*self.ordering)

    def save_model(self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool) -> None:
        """Save where the tickers look."""
        obj.save(using=rows_of(current_app()).db)

    # -- who may what --------------------------------------------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: PeriodicTask | None = None) -> bool:
        """What left the code is only looked at; a clone of it may go on."""
        return super().has_change_permission(request, obj) and not (obj is not None and obj.retired)

    def has_delete_permission(self, request: HttpRequest, obj: PeriodicTask | None = None) -> bool:
        """What the code declares would be back at the next start: it is paused instead."""
        declared = obj is not None and obj.origin == PeriodicTask.Origin.CODE and not obj.retired
        return super().has_delete_permission(request, obj) and not declared

    # -- the form ------------------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: PeriodicTask | None = None) -> Any:
        """Return the inputs, those of each kind of schedule together; what is only looked at has none of them."""
        may_edit = self.has_change_permission(request, obj) if obj is not None else self.has_add_permission(request)
        kinds = [(title, kind) for kind, title in TITLES.items()] if may_edit else []
        history = [] if obj is None else [(gettext_lazy("So far"), {"fields": self.readonly_fields[1:]})]
        return [
            (None, {"fields": ["name", "description", "enabled"]}),
            (gettext_lazy("What"), {"fields": ["task", "args", "kwargs"]}),
            (gettext_lazy("When"), {"fields": ["kind", "outlook"]}),
            *((title, {"fields": input_names(KINDS[kind]), "classes": ["celeriac-kind", f"celeriac-kind-{kind}"]})
              for title, kind in kinds),
            (gettext_lazy("Time zone and bounds"), {"fields": ["time_zone", "start", "end", "one_off"]}),
            (gettext_lazy("How"), {
                "fields": ["queue", "priority", "headers", "options", "jitter", ("misfire", "misfire_limit"), "overlap"],
            }),
            *history,
        ]  # fmt: skip

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the form of a new entry shows: with ``?clone=``, another entry's."""
        if "clone" not in request.GET:
            return dict(super().get_changeform_initial_data(request))
        row = self.get_object(request, request.GET["clone"])
        if row is None or not self.has_view_permission(request, row):
            return {}
        name = _("{name} (copy)").format(name=row.name)
        return {**model_to_dict(row, PeriodicTaskForm.Meta.fields), **inputs_of(row), "name": name}

    # -- pages ---------------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Add the preview and the buttons."""
        wrap = self.admin_site.admin_view
        return [
            path("preview/", wrap(require_POST(self.preview)), name="celeriac_periodictask_preview"),
            path("<path:object_id>/do/<slug:deed>/", wrap(require_POST(self.button)), name="celeriac_periodictask_do"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, with a word where nobody fires what is due."""
        return super().changelist_view(request, {**(extra_context or {}), "nobody_ticks": nobody_ticks(current_app())})

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form, with its buttons and with a word where nobody fires what is due."""
        row = None if object_id is None else self.get_object(request, object_id)
        extra = {"deeds": self._buttons(request, row), "clone": self._clone(request, row)}
        context = {**(extra_context or {}), **extra, "nobody_ticks": nobody_ticks(current_app())}
        return super().changeform_view(request, object_id, form_url, context)

    def _buttons(self, request: HttpRequest, row: PeriodicTask | None) -> list[tuple[str, str]]:
        """Return the address and the text of each button that somebody may press."""
        if row is None:
            return []
        texts = {"run": _("Run now")}
        if not row.retired:
            texts |= {"pause": _("Pause")} if row.enabled else {"resume": _("Resume")}
        if row.overrides and not row.retired:
            texts["restore"] = _("Back to the declaration")
        return [
            (reverse("admin:celeriac_periodictask_do", args=[row.pk, name]), text)
            for name, text in texts.items()
            if self.permitted(request, name, row)
        ]

    def _clone(self, request: HttpRequest, row: PeriodicTask | None) -> tuple[str, str] | None:
        if row is None or not self.has_add_permission(request):
            return None
        return f"{reverse('admin:celeriac_periodictask_add')}?clone={row.pk}", _("Clone")

    def button(self, request: HttpRequest, object_id: str, deed: str) -> HttpResponse:
        """Do something with one entry, and show it again."""
        row = self.get_object(request, object_id)
        if row is None or deed not in self.deeds:
            raise Http404
        if not self.permitted(request, deed, row):
            raise PermissionDenied
        if self.do(request, self.deeds[deed][1], row):
            self.message_user(request, _("Done."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:celeriac_periodictask_change", args=[row.pk]))

    def preview(self, request: HttpRequest) -> JsonResponse:
        """Say what the form means so far, as JSON: words, next times, hint; how the task is called; errors by input."""
        row = self.get_object(request, request.GET["row"]) if "row" in request.GET else None
        allowed = self.has_add_permission(request) if row is None else self.has_change_permission(request, row)
        if not allowed:
            raise PermissionDenied
        form = self.get_form(request, row, change=row is not None)(request.POST, instance=row)
        form.full_clean()
        errors = form.errors.get_json_data()
        said = {
            name: [error["message"] for error in found if error["code"] != "required"]
            for name, found in errors.items()
            if name not in OF_THE_ENTRY
        }
        return JsonResponse({"schedule": _said_of_schedule(form), "task": _said_of_task(form), "errors": said})


def _said_of_schedule(form: Any) -> dict[str, Any] | None:
    if not form.schedule_is_readable():
        return None
    try:
        return preview_data(preview_of(form.celery, form.row))
    except UNREADABLE:
        return None  # the errors of the form say why


def _said_of_task(form: Any) -> dict[str, str] | None:
    task = form.celery.tasks.get(form.row.task)
    if task is None:
        return None
    return {"signature": signature_text(task), "about": (task.__doc__ or "").strip().partition("\n")[0]}
