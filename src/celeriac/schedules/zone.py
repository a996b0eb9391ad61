"""Time zones: the project's own, by name, and which moment a local time means where clocks are put forward or back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from celeriac.engine.translation import gettext as _

Zone = str | tzinfo
"""A name such as ``Europe/Berlin``, or a tzinfo."""

_OFFSET = re.compile(r"UTC([+-])(\d\d):(\d\d)")
_SECOND = timedelta(seconds=1)
_SUGGESTED = 3


def _utc() -> tzinfo:
    return UTC


_project_zone: Callable[[], tzinfo] = _utc


def take_zone_from(source: Callable[[], tzinfo]) -> None:
    """Ask ``source`` for the project's zone from now on, each time a schedule without one needs it."""
    global _project_zone  # noqa: PLW0603 - one a process: who knows the settings registers here
    _project_zone = source


def project_zone() -> tzinfo:
    """Return the zone of schedules that name none; UTC where nobody registered another."""
    return _project_zone()


def zone_of(zone: Zone | None) -> tzinfo | None:
    """Return the zone of a name, and a tzinfo as it is; ``None`` stays ``None``. An unknown name raises ``ValueError``."""
    if zone is None or isinstance(zone, ZoneInfo):
        return zone
    if isinstance(zone, tzinfo):
        name = getattr(zone, "zone", None)  # pytz's: its localize() is not what datetime asks a tzinfo for
        return zone_of(name) if isinstance(name, str) else zone
    if isinstance(zone, str):
        return _named(zone)
    raise TypeError(_("tz is {zone!r}; expected the name of a zone, such as 'Europe/Berlin', or a tzinfo.").format(zone=zone))


def _named(name: str) -> tzinfo:
    if offset := _OFFSET.fullmatch(name):
        sign, hours, minutes = offset.groups()
        east = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(east if sign == "+" else -east)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        near = _near(name)
        hint = _("Did you mean {names}?").format(names=", ".join(near)) if near else _("A name looks like 'Europe/Berlin'.")
        raise ValueError(_("There is no time zone {name!r}. {hint}").format(name=name, hint=hint)) from error


def _near(name: str) -> list[str]:
    """Return the names that may be meant: in whichever case, with spaces, or by the city alone; else those that look alike."""
    asked, known = _folded(name), {zone: _folded(zone) for zone in sorted(available_timezones())}
    same = [zone for zone, folded in known.items() if asked == folded or folded.endswith(f"/{asked}")]
    if same:
        return sorted(same, key=len)[:_SUGGESTED]
    words = {text: zone for zone, folded in known.items() for text in (folded.rpartition("/")[2], folded)}
    return list(dict.fromkeys(words[text] for text in get_close_matches(asked, words, _SUGGESTED, 0.6)))


def _folded(name: str) -> str:
    return "_".join(name.casefold().split())


def name_of(zone: tzinfo) -> str:
    """Return the name that ``zone_of`` takes back. A zone that has none raises ``ValueError``."""
    name = getattr(zone, "key", None) or str(zone)
    try:
        zone_of(name)
    except ValueError as error:
        raise ValueError(
            _("{zone!r} has no name to keep it by; give tz as a name, such as 'Europe/Berlin'.").format(zone=zone)
        ) from error
    return str(name)


def is_skipped(local: datetime) -> bool:
    """Return whether the clocks never show ``local`` (which has a zone): they are put forward over it."""
    return _offset(local, 0) < _offset(local, 1)


def is_repeated(local: datetime) -> bool:
    """Return whether the clocks show ``local`` (which has a zone) twice: they are put back over it."""
    return _offset(local, 0) > _offset(local, 1)


def moment_of(local: datetime) -> datetime:
    """Return the moment in UTC when clocks show ``local``, the first or the second time by its ``fold``.

    For a time that is skipped, it is the moment when the clocks are put forward: right after the gap.
    """
    if is_skipped(local):
        return _gap_end(local)
    return local.astimezone(UTC)


def _gap_end(local: datetime) -> datetime:
    before, after = local.replace(fold=1).astimezone(UTC), local.replace(fold=0).astimezone(UTC)
    zone, offset = local.tzinfo, _offset(local, 0)
    while after - before > _SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle <= before:
            break
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(local: datetime, fold: int) -> timedelta:
    return local.replace(fold=fold).utcoffset() or timedelta(0)
