"""The tables of django-celery-beat, read as they are: the package need not be installed, and older ones have fewer columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connections
from django.utils.timezone import get_default_timezone

from celeriac.engine.errors import ImproperlyConfigured, did_you_mean
from celeriac.engine.translation import gettext as _

TASKS = "django_celery_beat_periodictask"
SCHEDULES = {
    "interval": "django_celery_beat_intervalschedule",
    "crontab": "django_celery_beat_crontabschedule",
    "clocked": "django_celery_beat_clockedschedule",
    "solar": "django_celery_beat_solarschedule",
}
_TIMES = frozenset({"clocked_time", "expires", "start_time", "last_run_at"})


def read(alias: str) -> list[dict[str, Any]]:
    """Return the periodic tasks of a database, each with the rows of its schedules under their kinds.

    Raises ``ImproperlyConfigured`` where there are none of its tables.
    """
    if alias not in connections.databases:
        text = _("There is no database {alias!r} in DATABASES.{hint}")
        raise ImproperlyConfigured(text.format(alias=alias, hint=did_you_mean(alias, connections.databases)))
    with connections[alias].cursor() as cursor:
        there = set(connections[alias].introspection.table_names(cursor))
    if TASKS not in there:
        text = _(
            "There is no table {table} in the database {alias!r}: django-celery-beat never kept its periodic tasks there."
            " --database names another one of DATABASES."
        )
        raise ImproperlyConfigured(text.format(table=TASKS, alias=alias))
    schedules = {kind: {row["id"]: row for row in _rows(alias, table)} for kind, table in SCHEDULES.items() if table in there}
    return [
        {**row, **{kind: schedules.get(kind, {}).get(row.get(f"{kind}_id")) for kind in SCHEDULES}}
        for row in _rows(alias, TASKS)
    ]


def _rows(alias: str, table: str) -> Iterator[dict[str, Any]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"select * from {table} order by id")
        names = [column[0] for column in cursor.description]
        for values in cursor.fetchall():
            row = dict(zip(names, values, strict=True))
            yield {name: _moment(alias, value) if name in _TIMES else value for name, value in row.items()}


def _moment(alias: str, value: Any) -> datetime | None:
    """Return a time with its zone: some drivers return text, and some databases keep no zone."""
    if value is None:
        return None
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found if found.tzinfo else found.replace(tzinfo=connections[alias].timezone or get_default_timezone())
