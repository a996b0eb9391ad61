"""A search that looks at so many records and no more: a page of a list of a million jobs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from celeriac.engine.brokers.base import Found
from celeriac.engine.brokers.sql import rows
from celeriac.engine.brokers.sql.connection import Connection
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.brokers.sql.store import TROUBLES, live_job
from celeriac.engine.job import LIVE, State

_NUMBERS = {
    State.RUNNING: "part_running",
    **dict.fromkeys(LIVE - {State.RUNNING}, "part_live"),
    **dict.fromkeys(TROUBLES, "part_trouble"),
}
"""By which rows the jobs in a state are found; those of other states are looked for among all."""
_EXACT = frozenset({"part_running", "part_trouble"})
"""Those that have the jobs of one state only."""


def search(
    connection: Connection, dialect: Dialect, where: Mapping[str, Any], limit: int, before: int | None, depth: int, text: str
) -> Found:
    """Return what fits among the next ``depth`` rows. Raises ``KeyError`` for a filter that does not exist."""
    part, ranged = _part(where.get("state"), before)
    conditions, values = _conditions(dialect, part, where, text)
    depth = depth if conditions else limit  # every row fits
    statement = dialect.quoted(dialect.sql[part])
    clause = "where " + " and ".join(conditions) if conditions else ""
    query = dialect.sql["search"].format(part=statement, where=clause)
    found = Found(jobs=[live_job(row) for row in connection.fetch(query, (*ranged, depth, *values, limit))])
    if len(found.jobs) == limit:
        found.before, found.reached = found.jobs[-1].number, found.jobs[-1].created
        return found
    for number, created, looked in connection.fetch(dialect.sql["last_of_part"].format(part=statement), (*ranged, depth)):
        found.before, found.reached = (number if looked == depth else None), rows.seconds(created)
    return found


def _part(state: State | None, before: int | None) -> tuple[str, list[Any]]:
    """Return the statement of the rows to look at, and the values of its range."""
    part = "part" if state is None else _NUMBERS.get(state, "part")
    before = sys.maxsize if before is None else before
    return part, [state, before] if part == "part_trouble" else [before]


def _conditions(dialect: Dialect, part: str, where: Mapping[str, Any], text: str) -> tuple[list[str], list[Any]]:
    """Return what is asked of each row, and the values of it."""
    asked = {_COLUMNS[name]: value for name, value in where.items() if name != "state" or part not in _EXACT}
    conditions = [f"{column} = %s" for column in asked]
    values: list[Any] = [str(value) for value in asked.values()]
    if text:
        conditions.append(dialect.sql["mentions"])
        values += [text, text, text.encode("utf-8", "surrogatepass")]
    return conditions, values


_COLUMNS = {"queue": "j.queue", "task": "j.task", "state": "coalesce(l.state, j.state)"}
