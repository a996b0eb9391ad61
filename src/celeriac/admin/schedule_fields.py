"""The inputs of each kind of schedule, one for each of its fields: the names are those that the schedule classes give.

An input is called by kind and field, ``crontab_minute``; its value is what the constructor takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from celeriac.schedules import KINDS, BaseSchedule, clocked
from celeriac.schedules.solar import EVENTS

TITLES: Mapping[str, Any] = {
    "interval": _("Every so often"),
    "crontab": _("Crontab: all five fields must match"),
    "cron": _("Cron: a line of a crontab file"),
    "clocked": _("Once, at a time"),
    "solar": _("At an event of the sun"),
    "rrule": _("By a rule of a calendar (RFC 5545)"),
}
"""What each kind is called in a form."""

_UNITS: dict[str, Any] = {
    "seconds": _("seconds"), "minutes": _("minutes"), "hours": _("hours"), "days": _("days"), "weeks": _("weeks"),
}  # fmt: skip
_LEAST = 0.001


class DurationWidget(forms.MultiWidget):
    """A number and its unit."""

    def __init__(self) -> None:
        count = forms.NumberInput({"step": "any", "min": _LEAST, "class": "vIntegerField"})
        super().__init__([count, forms.Select(choices=list(_UNITS.items()))])

    def decompress(self, value: Any) -> list[Any]:
        """Return seconds in the largest unit of which they are a whole number."""
        if not isinstance(value, int | float) or value <= 0:
            return [None, "seconds"]
        for unit in reversed(_UNITS):
            count = value / timedelta(**{unit: 1}).total_seconds()
            if count.is_integer():
                return [int(count), unit]
        return [value, "seconds"]


class DurationField(forms.MultiValueField):
    """So many seconds, given as a number and a unit."""

    widget = DurationWidget

    def __init__(self, **options: Any) -> None:
        fields = (forms.FloatField(min_value=_LEAST), forms.ChoiceField(choices=list(_UNITS.items())))
        super().__init__(fields, **options)

    def compress(self, data_list: Any) -> float | None:
        """Return the seconds, a whole number where they are one."""
        if not data_list:
            return None
        try:
            seconds = timedelta(**{data_list[1]: data_list[0]}).total_seconds()
        except OverflowError as error:
            raise forms.ValidationError(_("That is longer than the calendar.")) from error
        return int(seconds) if seconds.is_integer() else seconds


class LocalTimeField(forms.CharField):
    """A time of the clocks in the schedule's zone, whichever that is."""

    widget = forms.DateTimeInput({"type": "datetime-local", "step": "1"})

    def to_python(self, value: Any) -> str:
        """Return the time with its seconds, which browsers leave out where they are 0. What is none, the schedule refuses."""
        text = super().to_python(value) or ""
        try:
            return datetime.fromisoformat(text).isoformat()
        except ValueError:
            return text


def _text(label: Any, example: str = "", **options: Any) -> Callable[[], forms.Field]:
    widget = forms.TextInput({"placeholder": example, "class": "vTextField"})
    return lambda: forms.CharField(label=label, widget=widget, max_length=500, **options)


def _degrees(label: Any) -> Callable[[], forms.Field]:
    return lambda: forms.FloatField(label=label, widget=forms.NumberInput({"step": "any", "class": "vIntegerField"}))


_LIST = _("A number, * for each, a range 1-5, steps */15, a list 0,30")

INPUTS: Mapping[str, Mapping[str, Callable[[], forms.Field]]] = {
    "interval": {
        "every": lambda: DurationField(label=_("Every")),
        "relative": lambda: forms.BooleanField(
            label=_("By the clock"), required=False, help_text=_("At full minutes, hours or days of the clock.")
        ),
    },
    "crontab": {
        "minute": _text(_("Minute"), "0", initial="0", help_text=_LIST),
        "hour": _text(_("Hour"), "*", initial="*"),
        "day_of_week": _text(_("Day of week"), "mon-fri", initial="*", help_text=_("0 is Sunday; sun, mon, ... will do, too.")),
        "day_of_month": _text(_("Day of month"), "1-31", initial="*"),
        "month_of_year": _text(_("Month of year"), "1-12", initial="*"),
    },
    "cron": {"line": _text(_("Line"), "30 4 * * mon-fri", help_text=_("Minute hour day month weekday; @daily and its kin"))},
    "clocked": {"clocked_time": lambda: LocalTimeField(label=_("Time"), help_text=_("By the clocks of the time zone below."))},
    "solar": {
        "event": lambda: forms.ChoiceField(label=_("Event"), choices=[("", "---------"), *((name, name) for name in EVENTS)]),
        "lat": _degrees(_("Latitude")),
        "lon": _degrees(_("Longitude")),
    },
    "rrule": {
        "rule": _text(_("Rule"), "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0;BYSECOND=0"),
        "dtstart": lambda: LocalTimeField(
            label=_("First time"), required=False, help_text=_("What the rule leaves open comes from it; midnight otherwise.")
        ),
    },
}  # fmt: skip
"""What makes the input of each field of each kind."""


def input_name(kind: str, field: str) -> str:
    """Return what a field of a kind is called in the form."""
    return f"{kind}_{field}"


def input_names(kind: type[BaseSchedule]) -> list[str]:
    """Return what the fields of a kind are called in the form."""
    return [input_name(kind.kind, field) for field in kind.names]


def all_inputs() -> Iterator[tuple[str, forms.Field]]:
    """Yield the name and the input of each field of each kind."""
    for kind in KINDS.values():
        for field in kind.names:
            yield input_name(kind.kind, field), INPUTS[kind.kind][field]()


def initial_of(schedule: BaseSchedule) -> dict[str, Any]:
    """Return what the inputs show of a schedule."""
    shown = {input_name(schedule.kind, field): value for field, value in schedule.fields().items()}
    if isinstance(schedule, clocked):
        shown[input_name("clocked", "clocked_time")] = _local(schedule.clocked_time)
    return shown


def _local(moment: datetime) -> str:
    return moment.replace(tzinfo=None, microsecond=0).isoformat()


def fields_of(kind: str, cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a schedule from what was given in the form, without those that were left empty."""
    names = KINDS[kind].names if kind in KINDS else ()
    given = {field: cleaned.get(input_name(kind, field)) for field in names}
    return cast(dict[str, Any], {field: value for field, value in given.items() if value not in (None, "", False)})
