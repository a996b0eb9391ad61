"""Once, at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from celeriac.engine.translation import Text
from celeriac.engine.translation import gettext as _
from celeriac.schedules.base import BaseSchedule, schedstate
from celeriac.schedules.zone import Zone, moment_of


class clocked(BaseSchedule):  # noqa: N801 - the name that django-celery-beat made known
    """Once, at ``clocked_time``: a datetime, or its text in ISO 8601. One without a zone is in the schedule's."""

    kind = "clocked"
    names = ("clocked_time",)

    def __init__(
        self,
        clocked_time: datetime | str,
        nowfun: Callable[[], datetime] | None = None,
        app: Any = None,
        *,
        tz: Zone | None = None,
    ) -> None:
        super().__init__(nowfun, app, tz)
        self._given = _datetime(clocked_time)

    @property
    def clocked_time(self) -> datetime:
        """The time, in the schedule's zone; right after the gap where the clocks skip it."""
        if self._given.tzinfo is None:
            return moment_of(self._given.replace(tzinfo=self.tz)).astimezone(self.tz)
        return self._given.astimezone(self.tz)

    def next(self, after: datetime) -> datetime | None:
        """Return the time, unless it is ``after`` or before that."""
        time = self.clocked_time
        return time if time.astimezone(UTC) > self.aware(after).astimezone(UTC) else None

    def is_due(self, last_run_at: datetime | None = None) -> schedstate:
        """Return whether the time has come; what ran last does not count."""
        remaining = (self.clocked_time.astimezone(UTC) - self.now().astimezone(UTC)).total_seconds()
        return schedstate(True, None) if remaining <= 0 else schedstate(False, remaining)

    def words(self, gettext: Text) -> str:
        """Return the time in words."""
        return gettext("once, at {time}").format(time=self.clocked_time)

    def fields(self) -> dict[str, Any]:
        """Return the time as text in ISO 8601."""
        return {"clocked_time": self._given.isoformat()}

    def __repr__(self) -> str:
        return f"<clocked: {self._given}>"


def _datetime(given: datetime | str) -> datetime:
    if isinstance(given, datetime):
        return given
    try:
        return datetime.fromisoformat(given)
    except (TypeError, ValueError) as error:
        raise ValueError(
            _("clocked_time is {given!r}; expected a datetime, or a text such as '2027-01-31T04:00:00+01:00'.").format(
                given=given
            )
        ) from error
