"""The kinds of schedule by the names that rows keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celeriac.engine.translation import gettext as _
from celeriac.schedules.base import BaseSchedule
from celeriac.schedules.clocked import clocked
from celeriac.schedules.cron import cron
from celeriac.schedules.crontab import crontab
from celeriac.schedules.interval import schedule
from celeriac.schedules.rrule import rrule
from celeriac.schedules.solar import solar

KINDS: Mapping[str, type[BaseSchedule]] = {kind.kind: kind for kind in (schedule, crontab, cron, clocked, solar, rrule)}


def from_dict(data: Mapping[str, Any]) -> BaseSchedule:
    """Return the schedule that ``to_dict`` described. An unknown kind, or a field that is wrong, raises ``ValueError``."""
    fields = dict(data)
    name = fields.pop("kind", None)
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(
            _("There is no kind of schedule {name!r}; expected one of {names}.").format(name=name, names=", ".join(KINDS))
        )
    if unknown := set(fields).difference(kind.names, ("tz",)):
        raise ValueError(
            _("A schedule of kind {name!r} has no field {unknown}; expected {names}.").format(
                name=name, unknown=", ".join(sorted(unknown)), names=", ".join((*kind.names, "tz"))
            )
        )
    try:
        return kind.from_fields(fields)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            _("{fields!r} are not the fields of a schedule of kind {name!r}: {error}").format(
                fields=fields, name=name, error=error
            )
        ) from error
