"""Reading and forgetting: the store's half of the SQL engine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from celeriac.engine.brokers.base import QueueInfo, Snapshot, WorkerInfo
from celeriac.engine.brokers.sql import rows
from celeriac.engine.brokers.sql.connection import Connection
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.job import LIVE, Job, State
from celeriac.engine.outcome import Attempt

if TYPE_CHECKING:
    from celeriac.engine.brokers.sql.broker import SQLBroker

POLL = 1.0
"""Seconds between looks while waiting for a result, should a wake-up get lost."""

_FILTERS = {
    "queue": "j.queue",
    "task": "j.task",
    "state": "coalesce(l.state, j.state)",
    "root": "j.root",
    "group": 'j."group"',
    "parent": "j.parent",
}
TROUBLES = frozenset({State.FAILED, State.CANCELLED, State.EXPIRED, State.PARKED})
_LIVE_COLUMNS = 7


def live_job(row: Sequence[Any]) -> Job:
    """Return a record with what its live row knows better, while there is one."""
    state, begun, charges, run_at, child, delivery, worker = row[-_LIVE_COLUMNS:]
    job = rows.record(row[:-_LIVE_COLUMNS])
    if state is None:
        return job
    job.state = State(state)
    job.charges, job.child, job.delivery = charges, child or "", delivery
    if run_at is not None:
        job.run_at = rows.seconds(run_at)
    if job.state is State.RUNNING:
        job.started, job.worker = rows.seconds(begun), worker
    return job


def get(connection: Connection, dialect: Dialect, id: str) -> Job | None:
    """Return one whole record."""
    found = connection.fetch(dialect.sql["get"], (id,))
    return live_job(found[0]) if found else None


def wait(broker: SQLBroker, id: str, timeout: float | None) -> Job | None:
    """Return the record once the job has ended. Woken by the settle; a look every second covers a lost wake-up."""
    job = broker.get(id)
    if job is not None and job.state not in LIVE:
        return job
    deadline = None if timeout is None else time.monotonic() + timeout
    with broker.wake.waiting(id) as woken:
        while True:
            broker.mark_awaited(id)  # before the look: whoever settles after it wakes us
            job = broker.get(id)
            if job is not None and job.state not in LIVE:
                return job
            left = POLL if deadline is None else min(POLL, deadline - time.monotonic())
            if left <= 0:
                return None
            woken(left)


def attempts(connection: Connection, dialect: Dialect, id: str) -> list[Attempt]:
    """Return the kept attempts of a job."""
    return [rows.attempt(row) for row in connection.fetch(dialect.sql["attempts"], (id,))]


def find(connection: Connection, dialect: Dialect, where: Mapping[str, Any], limit: int, before: int | None) -> list[Job]:
    """Return records, the newest first. Raises ``KeyError`` for a filter that does not exist."""
    # What has not ended is read from the thin table, not picked out of all that has.
    statement, number = ("find_live", "l.job") if where.get("state") in LIVE else ("find", "j.number")
    conditions = [f"{_column(name, value)} = %s" for name, value in where.items()]
    values = [value.value if isinstance(value, State) else value for value in where.values()]
    if before is not None:
        conditions.append(f"{number} < %s")
        values.append(before)
    clause = "where " + " and ".join(conditions) if conditions else ""
    query = dialect.sql[statement].format(where=dialect.quoted(clause))
    return [live_job(row) for row in connection.fetch(query, (*values, limit))]


def _column(name: str, value: Any) -> str:
    if name == "state" and value in LIVE:
        return "l.state"
    # What ended badly is indexed by its own column: no reading through all that went well.
    return "j.trouble" if name == "state" and value in TROUBLES else _FILTERS[name]


def counts(connection: Connection, dialect: Dialect) -> dict[str, dict[State, int]]:
    """Return the number of jobs by queue and state."""
    counted: dict[str, dict[State, int]] = {}
    for queue, state, number in connection.fetch(dialect.sql["counts"]):
        counted.setdefault(queue, {})[State(state)] = number
    return counted


def snapshot(connection: Connection, dialect: Dialect) -> Snapshot:
    """Return what is to be done, by indexes that ended jobs are not in."""
    queues: dict[str, QueueInfo] = {}

    def queue(name: str) -> QueueInfo:
        return queues.setdefault(name, QueueInfo(name=name))

    [[newest, now]] = connection.fetch(dialect.sql["moment"])
    for name, waiting, created, run_at in connection.fetch(dialect.sql["in_queues"]):
        queue(name).waiting = waiting
        queue(name).oldest = max(rows.seconds(created) or 0.0, rows.seconds(run_at) or 0.0)
    for name, state, number in connection.fetch(dialect.sql["elsewhere"]):
        setattr(queue(name), state, number)
    for (name,) in connection.fetch(dialect.sql["paused"]):
        queue(name).paused = True
    return Snapshot(time=rows.seconds(now) or 0.0, newest=newest or 0, queues=[queues[name] for name in sorted(queues)])


def failures(connection: Connection, dialect: Dialect, seconds: float, limit: int) -> list[Job]:
    """Return the jobs that failed lately: attempts have rows in the order of their ends."""
    return [rows.record(row) for row in connection.fetch(dialect.sql["failures"], (seconds, limit))]


def workers(connection: Connection, dialect: Dialect) -> list[WorkerInfo]:
    """Return the living workers."""
    return [rows.worker(row) for row in connection.fetch(dialect.sql["workers"])]


def progress_text(progress: dict[str, Any]) -> str | None:
    """Return the progress column's text."""
    return rows.json_text(progress)


def forget(connection: Connection, dialect: Dialect, ids: Iterable[str]) -> int:
    """Delete the records of ended jobs, with their attempts."""
    numbers = [row[0] for id in ids for row in connection.fetch(dialect.sql["numbers"], (id,))]
    return _delete(connection, dialect, numbers)


def _delete(connection: Connection, dialect: Dialect, numbers: Sequence[int]) -> int:
    deleted = [number for number in numbers if connection.run(dialect.sql["forget"], (number,))]
    if deleted:
        connection.run_many(dialect.sql["forget_attempts"], [(number,) for number in deleted])
    return len(deleted)


def prune(connection: Connection, dialect: Dialect, ages: Mapping[State, float], limit: int) -> int:
    """Delete old ended jobs, at most ``limit``, and what is left of workers long gone."""
    deleted = 0
    for state, age in ages.items():
        numbers = [row[0] for row in connection.fetch(dialect.sql["prunable"], (state.value, age, 0, limit - deleted))]
        deleted += _delete(connection, dialect, numbers)
    day = 86_400.0
    connection.run(dialect.sql["prune_children"], (day,))
    connection.run(dialect.sql["prune_workers"], (day,))
    connection.run(dialect.sql["prune_turns"], (60.0,))
    return deleted
