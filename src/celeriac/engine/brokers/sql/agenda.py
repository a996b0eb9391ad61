"""The table of periodic tasks: what is due is found by an index, and fired in one transaction with its row's advance.

The rows are locked while their steps are planned (SQLite: by the one write lock), so each tick is planned by one ticker. An
advance is conditional on the time that was read, and a job's id derives from its entry and nominal time: were the locks to
fail, a tick would still not be fired twice.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.db import transaction

from celeriac.engine.brokers.sql import rows, store
from celeriac.engine.brokers.sql.connection import Rows
from celeriac.engine.brokers.sql.statements import TIMES
from celeriac.engine.entry import Entry, Planner, Step
from celeriac.engine.faults import fault_point
from celeriac.engine.job import LIVE, Job, State
from celeriac.engine.request import iso

if TYPE_CHECKING:
    from celeriac.engine.brokers.sql.broker import SQLBroker

logger = logging.getLogger("celeriac.beat")

BUSY = 0.05
"""Seconds until the next look where everything due is in the hands of others."""

SOON = 2.0
"""Seconds before a time in which its entries are planned. A ticker looks once a second."""
HURRY = 0.5
"""Seconds before it in which that is not begun any more."""
MOST = 10_000
"""Entries that are planned before their time."""
LONGEST = 0.8
"""Seconds for that: meanwhile nobody looks for what was changed, and a change is to take effect within a second."""

NAMED = 5
"""Entries of a batch that the log names, below the level of debugging."""

_NEXT_RUN = Entry.__struct_fields__.index("next_run")
_TIMES = [Entry.__struct_fields__.index(name) for name in TIMES]


class _Overtaken(Exception):
    """A row is not as it was read: nothing of the batch counts."""


class SQLAgenda:
    """The periodic tasks in the database of ``broker``.

    Their jobs go into the same database. With ``elsewhere`` they go to that broker, which is told of them in a transaction of
    Django's own. ``prepare``, if given, is told of entries that are due soon where they are more than a batch, and of none
    where they are fewer: it may plan them within so many seconds, for ``plan`` to be faster.
    """

    def __init__(
        self,
        broker: SQLBroker,
        plan: Planner,
        elsewhere: Any = None,
        prepare: Callable[[Sequence[Entry], float], None] | None = None,
    ) -> None:
        self._broker = broker
        self._plan = plan
        self._elsewhere = elsewhere
        self._prepare = prepare
        self._prepared = 0.0

    def fire(self, limit: int) -> float | None:
        """Fire up to ``limit`` due entries. Returns the seconds until the next is due, 0 where more may be due already."""
        until, now = self._next()
        if until is not None and until > 0:
            return self._look_ahead(until, now, limit)
        if until is None:
            return None
        jobs: list[Job] = []

        def fire() -> int:
            found = self._due(now, limit)
            entries = [_entry(row) for row in found]
            steps = self._plan(entries, now, self._is_live)
            jobs[:] = self._advance(found, steps)
            self._forget_misdates(entries)
            return len(found)

        try:
            with self._transaction():
                fired = self._broker.in_transaction(fire)
        except _Overtaken:
            return BUSY
        if not fired:
            return BUSY
        fault_point("after-tick")
        if self._elsewhere is None:
            queues = Counter(job.queue for job in jobs if job.state is State.WAITING)
            self._broker.wake_up(queues, min((job.run_at for job in jobs if job.run_at is not None), default=None))
        _tell(jobs)
        return 0.0

    def _look_ahead(self, until: float, now: float, limit: int) -> float:
        """Have entries of the next time planned, once, in the last seconds before it. Returns the seconds that are left."""
        due = now + until
        if self._prepare is None or not HURRY < until < SOON or abs(due - self._prepared) < 0.001:
            return until
        self._prepared, begun = due, monotonic()
        found = self._broker.read("soon_due", (self._broker.dialect.time(due + 0.001), MOST))
        entries = [_entry(row) for row in found] if len(found) > limit else []
        self._prepare(entries, min(until - (monotonic() - begun) - HURRY / 2, LONGEST))
        return max(0.0, until - (monotonic() - begun))

    def close(self) -> None:
        """Let go of the connections."""
        self._broker.close()
        if self._elsewhere is not None:
            self._elsewhere.close()

    def _transaction(self) -> AbstractContextManager[Any]:
        return nullcontext() if self._elsewhere is None else transaction.atomic(using=self._broker.alias)

    def _next(self) -> tuple[float | None, float]:
        """Return the seconds until the next entry is due, and the database's time."""
        [[first, unplanned, now]] = self._broker.read("agenda")
        time = rows.seconds(now) or 0.0
        if unplanned:
            return 0.0, time
        if first is None:
            return None, time
        due = _seconds(first)
        if isinstance(due, float):
            return due - time, time
        names = ", ".join(repr(name) for (name,) in self._broker.read("misdated", (first,)))
        logger.warning("The next run of %s was %r, which is no time. It is planned anew.", names, first)
        self._broker.write(self._broker.dialect.sql["redate"], (first,))
        return 0.0, time

    def _due(self, now: float, limit: int) -> Rows:
        connection, dialect = self._broker.connection, self._broker.dialect
        found = list(connection.fetch(dialect.sql["unplanned"], (limit,)))
        found += connection.fetch(dialect.sql["due_entries"], (dialect.time(now), limit))
        return found

    def _advance(self, found: Rows, steps: Sequence[Step]) -> list[Job]:
        """Advance the rows, which must be as they were read, and push the jobs."""
        connection, dialect = self._broker.connection, self._broker.dialect
        pairs = [(row[_NEXT_RUN], step) for row, step in zip(found, steps, strict=True)]
        planned = [(*dialect.planned(_values(step)), step.zone, step.entry) for was, step in pairs if was is None]
        due = [(*_values(step), step.entry, was) for was, step in pairs if was is not None]
        if planned and connection.run_many(dialect.sql["plan"], planned) != len(planned):
            raise _Overtaken
        if due and dialect.advance(connection, due) != len(due):
            raise _Overtaken
        jobs = [job for step in steps for job in step.jobs]
        fault_point("before-tick")
        if jobs and self._elsewhere is not None:
            self._elsewhere.push(jobs)
        elif jobs:
            dialect.push(connection, jobs)
        return jobs

    def _forget_misdates(self, entries: Sequence[Entry]) -> None:
        """Empty the times of stopped rows that are none; the row's problem says what they were."""
        misdated = [(entry.id,) for entry in entries if any(isinstance(getattr(entry, name), str) for name in TIMES)]
        if misdated:
            self._broker.connection.run_many(self._broker.dialect.sql["undated"], misdated)

    def _is_live(self, id: str) -> bool:
        broker = self._broker
        job = store.get(broker.connection, broker.dialect, id) if self._elsewhere is None else self._elsewhere.get(id)
        return job is not None and job.state in LIVE


def _tell(jobs: Sequence[Job]) -> None:
    """Log a batch: one line, or one for each tick where that is asked for."""
    if not jobs:
        return
    if logger.isEnabledFor(logging.DEBUG):
        for job in jobs:
            logger.debug("Enqueued %s: the tick of %r at %s", job.id, job.schedule, iso(job.nominal))
    elif logger.isEnabledFor(logging.INFO):
        names = ", ".join(repr(job.schedule) for job in jobs[:NAMED])
        more = f", and {len(jobs) - NAMED} more" if len(jobs) > NAMED else ""
        logger.info("Enqueued periodic tasks: %s%s", names, more)


def _values(step: Step) -> tuple[Any, ...]:
    """Return what the row says from now on: parameters of ``advance`` and ``plan``, with times in seconds."""
    last = step.jobs[-1] if step.jobs else None
    return (
        step.next_run, step.held, step.enabled, rows.clean(step.problem), last and last.nominal, last and last.id,
        len(step.jobs), rows.json_text(step.recent),
    )  # fmt: skip


def _entry(row: Sequence[Any]) -> Entry:
    values = list(row)
    for place in _TIMES:
        values[place] = _seconds(values[place])
    return Entry(*values)


def _seconds(value: Any) -> float | str | None:
    """Return a time; a text that is none stays one, so that it stops its own row only."""
    if value is None or type(value) is float:
        return value
    try:
        return rows.seconds(value)
    except ValueError:
        return str(value)
