"""A rule of a calendar (RFC 5545), such as "the last Friday of each month", through ``dateutil``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from celeriac.engine.translation import Text
from celeriac.engine.translation import gettext as _
from celeriac.schedules.extras import import_extra
from celeriac.schedules.wall import WallSchedule
from celeriac.schedules.zone import Zone

START = datetime(2000, 1, 1)  # noqa: DTZ001 - local time, in whatever zone the schedule is
"""Where rules begin that name no start: a Saturday, midnight."""

FAR = datetime(9920, 1, 1)  # noqa: DTZ001 - a local time
"""Late enough that a rule without a date is soon through with the calendar; dates repeat every 400 years."""

MOST = 10_000
"""How many times a rule may count: they are counted from its start whenever the next is looked for."""

_UNITS = {2: "weeks", 3: "days", 4: "hours", 5: "minutes", 6: "seconds"}  # by dateutil's numbers of frequencies
_UNTIL = re.compile(r"UNTIL=(\d{8}T\d{6})Z", re.IGNORECASE)


class rrule(WallSchedule):  # noqa: N801 - stands beside Celery's crontab
    """Whenever a calendar's rule says: ``rrule("FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0;BYSECOND=0")``.

    The times are local ones. ``dtstart`` (a datetime, or its text in ISO 8601) is the first, and what the rule leaves open
    comes from it; by default it is midnight of 1 January 2000. A rule that cannot be read raises ``ValueError``.
    """

    kind = "rrule"
    names = ("rule", "dtstart")

    def __init__(
        self,
        rule: str,
        dtstart: datetime | str | None = None,
        nowfun: Callable[[], datetime] | None = None,
        app: Any = None,
        *,
        tz: Zone | None = None,
    ) -> None:
        super().__init__(nowfun, app, tz)
        self.rule = str(rule).strip()
        self._start = _datetime(dtstart)
        import_extra("dateutil.rrule", "python-dateutil", self.kind)
        _check(self.rule, self._start)

    @property
    def dtstart(self) -> datetime:
        """The local time that the rule begins at."""
        return _local(self._start, self.tz)

    @property
    def every_hour(self) -> bool:
        """Whether it runs in each hour of a day."""
        rule = _parsed(self.rule, self._start, self.tz)
        return not rule._byhour and (_unit(rule) in ("minutes", "seconds") or (_unit(rule) == "hours" and rule._interval == 1))

    def first(self, start: datetime) -> datetime | None:
        """Return the first local time to run at ``start`` or later."""
        found: datetime | None = _near(_parsed(self.rule, self._start, self.tz), start).after(start, inc=True)
        return found

    def words(self, gettext: Text) -> str:
        """Return the rule, which is not put into words."""
        return gettext("by the rule {rule}, from {start} on").format(rule=self.rule, start=self.dtstart)

    def fields(self) -> dict[str, Any]:
        """Return the rule, and the start where it is not the usual one."""
        return {"rule": self.rule, **({} if self._start == START else {"dtstart": self._start.isoformat()})}

    def __repr__(self) -> str:
        return f"<rrule: {self.rule}>"


def _datetime(given: datetime | str | None) -> datetime:
    if given is None:
        return START
    if isinstance(given, datetime):
        return given
    try:
        return datetime.fromisoformat(given)
    except (TypeError, ValueError) as error:
        raise ValueError(
            _("dtstart is {given!r}; expected a datetime, or a text such as '2027-01-31T17:00:00'.").format(given=given)
        ) from error


def _local(moment: datetime, zone: tzinfo) -> datetime:
    return (moment.astimezone(zone) if moment.tzinfo else moment).replace(tzinfo=None)


def _check(rule: str, start: datetime) -> None:
    """Raise ``ValueError`` if the rule cannot be read, or never comes true. The zone is not asked for yet."""
    if "\n" in rule or "DTSTART" in rule.upper():
        raise ValueError(
            _("rule is {rule!r}; expected one rule, and no DTSTART: that is the argument dtstart.").format(rule=rule)
        )
    try:
        endless = _parsed(rule, start, UTC).replace(count=None, until=None)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            _("rule is {rule!r}: {reason}; expected a rule such as 'FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0'.").format(
                rule=rule, reason=error
            )
        ) from error
    if endless._interval < 1 or (_parsed(rule, start, UTC)._count or 0) > MOST:
        raise ValueError(
            _("rule is {rule!r}; expected an INTERVAL of 1 or more, and no COUNT over {most}.").format(rule=rule, most=MOST)
        )
    probe = FAR if _unit(endless) else endless._dtstart
    if _near(endless, probe).after(probe, inc=True) is None:
        raise ValueError(_("rule is {rule!r}: there is no such date, this would never run.").format(rule=rule))


@lru_cache(256)
def _parsed(rule: str, start: datetime, zone: tzinfo) -> Any:
    """Return ``dateutil``'s rule, in local times of ``zone``."""

    def local_end(match: re.Match[str]) -> str:
        end = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return f"UNTIL={_local(end, zone):%Y%m%dT%H%M%S}"

    dateutil = import_extra("dateutil.rrule", "python-dateutil", rrule.kind)
    return dateutil.rrulestr(_UNTIL.sub(local_end, rule), dtstart=_local(start, zone))


def _near(rule: Any, start: datetime) -> Any:
    """Return the rule with a start shortly before ``start``, at a whole number of its steps, so that few are counted."""
    unit = _unit(rule)
    if unit is None or rule._count is not None or start <= rule._dtstart:
        return rule
    step = timedelta(**{unit: rule._interval})
    return rule.replace(dtstart=rule._dtstart + (start - rule._dtstart) // step * step)


def _unit(rule: Any) -> str | None:
    """Return what the rule counts in, as ``timedelta`` names it; ``None``: in months or years."""
    return _UNITS.get(rule._freq)
