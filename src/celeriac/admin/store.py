"""The base of the pages that show what a broker and its store know, whichever these are: no page reads a table of its own.

Django's admin shows rows of models. Here a row is made for the page of what the store says; its primary key is the name that
people know it by (a job's id), and it is never saved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin, ShowFacets, display
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from celeriac.app import Celery
from celeriac.current import current_app
from celeriac.engine.errors import CeleriacError

MOST = 200
"""Rows that one action changes."""


class Selected:
    """The names of the rows that somebody chose: what an action gets in place of a queryset. None: no choice was made yet."""

    def __init__(self, names: Sequence[str] | None = None) -> None:
        self._chosen = names

    @property
    def names(self) -> list[str]:
        """The names, each once; those beyond the most that an action changes are left out."""
        return list(dict.fromkeys(self._chosen or ()))[:MOST]

    def filter(self, pk__in: Sequence[str]) -> Selected:
        """Return the rows of these names, among those there were to choose from."""
        return Selected(pk__in if self._chosen is None else [name for name in pk__in if name in self._chosen])


class StoreChangeList(ChangeList):
    """A list of rows that ``model_admin.rows(change list)`` returns."""

    model_admin: StoreAdmin

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        """Read the filters; there is no query to be made of them."""
        self.filter_specs, self.has_filters, left, _repeats, self.has_active_filters = self.get_filters(request)
        if left:
            raise IncorrectLookupParameters(left)
        self.clear_all_filters_qs = self.get_query_string(remove=list(self.get_filters_params()))
        return Selected()

    def get_results(self, request: HttpRequest) -> None:
        """Ask the store. Where it does not answer, the page says so."""
        try:
            self.result_list = self.model_admin.rows(self)
        except CeleriacError as error:
            messages.error(request, str(error))
            self.result_list = []
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = False
        self.show_admin_actions = bool(self.result_list)
        self.can_show_all, self.multi_page = True, False
        self.paginator = self.model_admin.get_paginator(request, self.result_list, MOST)


class StoreAdmin(ModelAdmin):  # type: ignore[type-arg]  # it has no parameters outside of the stubs
    """Pages without forms: whoever may view looks, and changes something by an action of its own permission."""

    change_list_template = "admin/celeriac/change_list.html"
    list_display_links: Any = None
    show_full_result_count = False
    show_facets = ShowFacets.NEVER

    class Media:
        css = {"all": ["celeriac/admin.css"]}  # noqa: RUF012 - Django's declaration

    @property
    def app(self) -> Celery:
        """The project's app."""
        return current_app()

    def rows(self, page: StoreChangeList) -> list[Any]:
        """Return the rows of a page. Raises ``CeleriacError`` where the store does not answer."""
        raise NotImplementedError

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that asks the store."""
        return StoreChangeList

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return no query: rows are chosen by their names."""
        return self.choice()

    @staticmethod
    def choice(names: Sequence[str] | None = None) -> Any:
        """Return the rows that there are to choose from: those of these names, or all."""
        return Selected(names)

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses there are: nothing is added or changed by a form."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        return [path("", self.admin_site.admin_view(self.changelist_view), name=name)]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list under its plain name."""
        return super().changelist_view(request, {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})})

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return that nobody adds a row."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return that nobody edits a row."""
        return False

    @display(description=mark_safe('<input type="checkbox" id="action-toggle">'))
    def action_checkbox(self, obj: Model) -> SafeString:
        """Return the box that chooses a row. Django's own renders a template for each: a third of a page's time."""
        label = _("Select this object for an action - {}").format(obj)
        box = '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">'
        return format_html(box, ACTION_CHECKBOX_NAME, obj.pk, label)

    def may(self, request: HttpRequest, action: str) -> bool:
        """Return whether the user has the permission ``<action>_<model>``."""
        return request.user.has_perm(f"{self.opts.app_label}.{action}_{self.opts.model_name}")

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        """Return the actions of this page that the user may take. Those of the whole site are for rows of a table.

        ``action_location`` comes with Django 6.1.
        """
        place = () if action_location is None else (action_location,)
        own = {getattr(action, "__name__", action) for action in self.actions or ()}
        return {name: action for name, action in super().get_actions(request, *place).items() if name in own}

    def ask(self, request: HttpRequest, action: str, question: Any, rows: Sequence[Model]) -> TemplateResponse | None:
        """Return the page that asks whether an action is meant; None once that was answered."""
        if request.POST.get("post"):
            return None
        context = {
            **self.admin_site.each_context(request), "title": _("Are you sure?"), "opts": self.opts, "action": action,
            "question": question, "rows": rows, "checkbox": ACTION_CHECKBOX_NAME, "back": request.get_full_path(),
        }  # fmt: skip
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/celeriac/confirm.html", context)

    def write_down(self, request: HttpRequest, rows: Iterable[Model], flag: int, message: str) -> None:
        """Write into Django's admin log who did what."""
        kind, user = ContentType.objects.get_for_model(self.model).pk, str(request.user.pk)
        LogEntry.objects.bulk_create(
            LogEntry(
                user_id=user, content_type_id=kind, object_id=str(row.pk), object_repr=str(row)[:200],
                action_flag=flag, change_message=message,
            )
            for row in rows
        )  # fmt: skip
