"""Whole records of ended jobs: given away to a result store elsewhere, and kept for a broker elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from celeriac.engine.brokers.endings import remembered
from celeriac.engine.brokers.resultstore import Record
from celeriac.engine.brokers.sql import rows
from celeriac.engine.brokers.sql.connection import Connection
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.job import TERMINAL, Job, State
from celeriac.engine.outcome import Attempt, Outcome

WINDOW = 5000
"""Numbers that one look for ended jobs passes over: no index has them, since each would slow down every settle."""


def ended(connection: Connection, dialect: Dialect, limit: int, after: int) -> tuple[list[Record], int]:
    """Return ended jobs of the next numbers, and the number to look on from: 0 where these were the last."""
    last, seen = connection.fetch(dialect.sql["window"], (after, WINDOW))[0]
    if not seen:
        return [], 0
    jobs = [rows.record(row) for row in connection.fetch(dialect.sql["ended"], (after, last, limit))]
    kept = _attempts_of(connection, dialect, [job.number for job in jobs])
    records = [Record(job, kept.get(job.number, [])) for job in jobs]
    if len(jobs) == limit:
        return records, jobs[-1].number
    return records, last if seen == WINDOW else 0


def _attempts_of(connection: Connection, dialect: Dialect, numbers: Sequence[int]) -> Mapping[int, list[Attempt]]:
    kept: dict[int, list[Attempt]] = {}
    for number, *row in connection.fetch(dialect.sql["attempts_of"], (dialect.among(numbers),)) if numbers else ():
        kept.setdefault(number, []).append(rows.attempt(row))
    return kept


def drop(connection: Connection, dialect: Dialect, numbers: Sequence[int]) -> int:
    """Delete ended jobs, with their attempts. Returns how many."""
    if not numbers:
        return 0
    gone = connection.run(dialect.sql["drop"], (dialect.among(numbers),))
    connection.run(dialect.sql["drop_attempts"], (dialect.among(numbers),))
    return gone


def keep(connection: Connection, dialect: Dialect, records: Sequence[Record]) -> set[str]:
    """Insert ended jobs in the place of what is known of them. Returns the ids of those that are live here, and stay so."""
    known = {id: (number, State(state)) for id, number, state in _known(connection, dialect, records)}
    live = {id for id, (_, state) in known.items() if state not in TERMINAL}
    drop(connection, dialect, [number for number, state in known.values() if state in TERMINAL])
    _insert(connection, dialect, [record for record in records if record.job.id not in live])
    return live


def _known(connection: Connection, dialect: Dialect, records: Sequence[Record]) -> Sequence[Sequence[Any]]:
    ids = [record.job.id for record in records]
    return connection.fetch(dialect.sql["known"], (dialect.among_texts(ids),)) if ids else []


def _insert(connection: Connection, dialect: Dialect, records: Sequence[Record]) -> None:
    if not records:
        return
    connection.run_many(dialect.sql["keep"], [_values(dialect, job) for job, _ in records])
    tried = [record for record in records if record.attempts]
    numbers = {id: number for id, number, _ in _known(connection, dialect, tried)}
    attempts = [_attempt(dialect, numbers[job.id], attempt) for job, kept in tried for attempt in kept]
    if attempts:
        connection.run_many(dialect.sql["keep_attempt"], attempts)


def _values(dialect: Dialect, job: Job) -> list[Any]:
    trouble = None if job.state is State.SUCCEEDED else job.state.value
    return [trouble, *(_value(dialect, column, getattr(job, column)) for column in rows.KEPT_COLUMNS)]


def _value(dialect: Dialect, column: str, value: Any) -> Any:
    if column in rows.ALL_TIMES:
        return dialect.time(value)
    if column in rows.JSONS:
        return rows.json_text(value)
    return value.value if isinstance(value, State) else value


def _attempt(dialect: Dialect, number: int, attempt: Attempt) -> list[Any]:
    log = rows.clean(attempt.log) if attempt.log else None
    times = (dialect.time(attempt.started), dialect.time(attempt.finished))
    return [number, attempt.index, attempt.state.value, *times, attempt.worker, rows.failure_text(attempt.failure), log]


def remember(connection: Connection, dialect: Dialect, job: Job, outcome: Outcome) -> None:
    """Insert the record of a job that has ended and was never enqueued; one whose id exists is left alone."""
    record = remembered(job, outcome)
    if not _known(connection, dialect, [record]):
        _insert(connection, dialect, [record])
