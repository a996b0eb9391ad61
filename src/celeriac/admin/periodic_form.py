"""The form of a periodic task: the fields of the chosen kind, and everything checked as the ticker will see it."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms
from django.db.models import NOT_PROVIDED
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from celeriac.admin.schedule_fields import TITLES, all_inputs, fields_of, initial_of, input_name, input_names
from celeriac.admin.suggestions import SuggestingInput
from celeriac.beat.checking import Problems, schedule_problems, signature_text, task_problems, timing_problems, zone_problems
from celeriac.beat.preview import UNREADABLE, schedule_of
from celeriac.beat.rows import rows_of
from celeriac.current import current_app
from celeriac.models import PeriodicTask
from celeriac.schedules import KINDS, from_dict

CALL = frozenset({"task", "args", "kwargs", "queue", "priority", "headers", "options", "jitter"})
"""Inputs that say what is enqueued."""
POLICIES = frozenset({"misfire", "misfire_limit", "overlap", "jitter"})
"""Inputs that say what becomes of a time that comes too late, too soon or with others."""
CHOICES: Mapping[str, Any] = {"misfire": PeriodicTask.Misfire.choices, "overlap": PeriodicTask.Overlap.choices}

DEFAULTS: Mapping[str, Any] = {
    field.name: field.db_default for field in PeriodicTask._meta.fields if field.db_default is not NOT_PROVIDED
}
"""What the database fills in; a new form shows it."""


def task_suggestions() -> Iterable[tuple[str, str]]:
    """Return the registered tasks, with how each is called."""
    tasks = current_app().tasks
    return [(name, signature_text(tasks[name])) for name in sorted(tasks)]


def zone_suggestions() -> Iterable[tuple[str, str]]:
    """Return the names of the time zones; those of several words also as one types them."""
    return [(name, name.replace("_", " ") if "_" in name else "") for name in sorted(zoneinfo.available_timezones())]


class PeriodicTaskForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """It has the inputs of every kind of schedule; those of the chosen kind count."""

    kind = forms.ChoiceField(label=_("Kind of schedule"), choices=list(TITLES.items()))
    args = forms.JSONField(
        label=_("Arguments"), required=False, initial=list, widget=forms.Textarea({"rows": 2, "class": "vLargeTextField"}),
        help_text=_("A list as JSON: [1, \"two\"]"),
    )  # fmt: skip
    kwargs = forms.JSONField(
        label=_("Keyword arguments"), required=False, initial=dict,
        widget=forms.Textarea({"rows": 2, "class": "vLargeTextField"}), help_text=_("Names with values as JSON: {\"a\": 1}"),
    )  # fmt: skip

    class Meta:
        model = PeriodicTask
        fields: ClassVar = [
            "name", "description", "enabled", "task", "args", "kwargs", "kind", "time_zone", "start", "end", "one_off", "queue",
            "priority", "headers", "options", "jitter", "misfire", "misfire_limit", "overlap",
        ]  # fmt: skip
        widgets: ClassVar = {
            "task": SuggestingInput(task_suggestions),
            "time_zone": SuggestingInput(zone_suggestions, {"placeholder": "Europe/Berlin"}),
            "headers": forms.Textarea({"rows": 2}),
            "options": forms.Textarea({"rows": 2}),
            "description": forms.Textarea({"rows": 2}),
            "jitter": forms.NumberInput({"min": 0, "step": "any", "class": "vIntegerField"}),
            "misfire_limit": forms.NumberInput({"min": 1, "class": "vIntegerField"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.celery = current_app()
        self.row: PeriodicTask = self.instance
        self.initial = {**(DEFAULTS if self.instance.pk is None else inputs_of(self.instance)), **self.initial}
        if self.instance.pk is not None and self.instance.origin == PeriodicTask.Origin.CODE and "name" in self.fields:
            self.fields["name"].disabled = True  # the code knows it by this one
        for name, choices in CHOICES.items():
            if name in self.fields:
                self.fields[name] = forms.ChoiceField(  # without the empty one: each has a value from the start
                    choices=choices, label=self.fields[name].label, help_text=self.fields[name].help_text
                )
        chosen = self.data.get(self.add_prefix("kind")) if self.is_bound else None
        for kind in KINDS.values():
            for name in input_names(kind):
                if kind.kind != chosen:  # what is not asked for may stay empty
                    self.fields[name].required = False

    @cached_property
    def changed_data(self) -> list[str]:
        """The names of the inputs that were changed. Those of the kinds that were not chosen do not count."""
        chosen = self.data.get(self.add_prefix("kind"))
        others = {name for kind in KINDS.values() if kind.kind != chosen for name in input_names(kind)}
        return [name for name in super().changed_data if name not in others]

    def clean_name(self) -> str:
        """Return a name that no other entry of the same database has."""
        name: str = self.cleaned_data["name"]
        if rows_of(self.celery).filter(name=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("There is a periodic task of this name already."))
        return name

    def clean_args(self) -> Any:
        """Return a list."""
        return self.cleaned_data["args"] or []

    def clean_kwargs(self) -> Any:
        """Return names with values."""
        return self.cleaned_data["kwargs"] or {}

    def clean_headers(self) -> Any:
        """Return names with values."""
        return self.cleaned_data["headers"] or {}

    def clean_options(self) -> Any:
        """Return names with values."""
        return self.cleaned_data["options"] or {}

    def clean(self) -> dict[str, Any]:
        """Check schedule and call as the ticker will see them, as far as their inputs could be read at all."""
        super().clean()
        cleaned = self.cleaned_data
        kind = cleaned.get("kind", "")
        self._forget_other_kinds(kind)
        self.row = self._candidate(kind)
        if self.schedule_is_readable():
            self._complain(kind, schedule_problems(self.celery, self.row))
        elif "time_zone" not in self.errors:
            self._complain(kind, zone_problems(self.row))
        if not self.errors.keys() & CALL:
            self._complain(kind, task_problems(self.celery, self.row))
        if not self.errors.keys() & POLICIES:
            self._complain(kind, timing_problems(self.row))
        readable = self.row if self.schedule_is_readable() else None
        self.instance.typed = readable  # what the page shows where this form is refused
        return cleaned

    def schedule_is_readable(self) -> bool:
        """Return whether nothing was said against the schedule."""
        return not self.errors.keys() & {"kind", "time_zone", "start", "end", *self._inputs(self.row.kind)}

    def save(self, commit: bool = True) -> PeriodicTask:
        """Take the schedule's fields over, in the form in which the code's declarations have them."""
        self.instance.fields = self.row.fields
        saved: PeriodicTask = super().save(commit)
        return saved

    def _inputs(self, kind: str) -> list[str]:
        return input_names(KINDS[kind]) if kind in KINDS else []

    def _forget_other_kinds(self, chosen: str) -> None:
        for kind in KINDS.values():
            for name in input_names(kind) if kind.kind != chosen else ():
                self.errors.pop(name, None)

    def _candidate(self, kind: str) -> PeriodicTask:
        """Return the row as it would be, apart from the instance: what was not readable is as it was."""
        row = PeriodicTask(**{field.attname: getattr(self.instance, field.attname) for field in PeriodicTask._meta.fields})
        for name in self._meta.fields or ():
            if name in self.cleaned_data:
                setattr(row, name, self.cleaned_data[name])
        if {"kind", "time_zone", *self._inputs(kind)}.intersection(self.changed_data) or self.instance.pk is None:
            row.fields = _as_declared(kind, fields_of(kind, self.cleaned_data), row.time_zone)
        if any(getattr(row, name) != getattr(self.instance, name) for name in row.PLANNED):
            row.next_run = row.held = None  # as saving it does
        return row

    def _complain(self, kind: str, problems: Problems) -> None:
        for name, problem in problems.items():
            for shown in (input_name(kind, name), name):
                if shown in self.fields:
                    self.add_error(shown, problem)
                    break
            else:
                self.add_error(None, problem)


PeriodicTaskForm.declared_fields |= dict(all_inputs())


def _as_declared(kind: str, fields: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """Return the fields as the schedule itself would write them; as they are where it refuses them."""
    try:
        return from_dict({**fields, "kind": kind, **({"tz": zone} if zone else {})}).fields()
    except UNREADABLE:
        return dict(fields)


def inputs_of(row: PeriodicTask) -> dict[str, Any]:
    """Return what the inputs of its kind show of a row; nothing where it cannot be read."""
    if not row.kind:
        return {}
    try:
        return initial_of(schedule_of(current_app(), row))
    except UNREADABLE:
        return {}
