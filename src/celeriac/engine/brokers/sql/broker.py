"""Broker and store on a Django database. One instance serves one thread of a worker, or all callers of a process.

A *caller's* instance uses Django's own connection of whichever thread calls, so a push joins that thread's transaction. A
*worker's* instance (``clone()``, ``private=True``) opens a connection of its own and is used by one thread.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.utils import DatabaseError, DataError, IntegrityError

from celeriac.engine.brokers.base import (
    Cancel,
    Capabilities,
    Command,
    Found,
    Pace,
    Pause,
    Purge,
    Resume,
    RunNow,
    Snapshot,
    Unpark,
    WorkerInfo,
)
from celeriac.engine.brokers.endings import check_states
from celeriac.engine.brokers.resultstore import Record
from celeriac.engine.brokers.sql import control, rates, records, searching, store
from celeriac.engine.brokers.sql.connection import Connection
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.brokers.sql.leader import SQLLeader
from celeriac.engine.brokers.sql.rescue import Rescue
from celeriac.engine.brokers.sql.rows import claimed_job, to_json
from celeriac.engine.brokers.sql.servererrors import typed_errors
from celeriac.engine.errors import CeleriacError, ChildIsDead, LeaseLost
from celeriac.engine.job import Job, State, Token
from celeriac.engine.outcome import Attempt, Outcome
from celeriac.engine.translation import gettext as _

logger = logging.getLogger("celeriac.worker")


class SQLBroker(Rescue):
    """Moves and remembers jobs in a Django database."""

    def __init__(self, alias: str, private: bool = False) -> None:
        super().__init__(alias, private)
        self.capabilities = Capabilities(transactional=True)

    def leader(self, duty: str) -> SQLLeader:
        return SQLLeader(self, duty)

    # -- moving jobs -------------------------------------------------------------------------------------------------------

    def push(self, jobs: Sequence[Job]) -> None:
        if not jobs or self._do(lambda: self._pushed_and_woken(jobs)):
            return
        waiting, due = _arrivals(jobs)
        self.connection.after_commit(lambda: self.wake_up(waiting, due))

    def _pushed_and_woken(self, jobs: Sequence[Job]) -> bool:
        """Insert jobs. Returns whether who waits for them was woken, too."""
        if len(jobs) == 1 and jobs[0].state is State.WAITING and self.dialect.push_and_wake(self.connection, jobs[0]):
            return True
        self.dialect.push(self.connection, jobs)
        return False

    def join(self, worker: WorkerInfo, lease: float) -> None:
        queues = to_json(worker.queues).decode()
        values = (
            worker.id,
            worker.name,
            worker.host,
            worker.pid,
            worker.pool,
            worker.concurrency,
            queues,
            worker.version,
            lease,
        )
        self._do(lambda: self.connection.run(self.dialect.sql["join"], values))

    def enrol(self, worker: str, child: str) -> None:
        if not self._do(lambda: self.connection.run(self.dialect.sql["enrol"], (child, worker))):
            raise LeaseLost(f"The worker {worker} was declared dead; it cannot start another child.")

    def claim(self, queues: Sequence[str], limit: int, child: str) -> list[Job]:
        jobs: list[Job] = []
        for queue in queues:
            if len(jobs) >= limit:
                break
            jobs += self._claim(queue, limit - len(jobs), child)
        return jobs

    def _claim(self, queue: str, limit: int, child: str) -> list[Job]:
        taken = self._do(lambda: self.dialect.claim(self.connection, queue, limit, child))
        if taken is None:
            raise ChildIsDead(f"The broker has declared the child {child} dead; its jobs were given to others.")
        return [claimed_job(row, child) for row in taken]

    def admit(self, jobs: Sequence[Job], apart: Mapping[str, float]) -> set[Token]:
        may, due = self.in_transaction(lambda: rates.admit(self.connection, self.dialect, jobs, apart))
        self.wake_up({}, due)
        return may

    def paced(self) -> dict[str, float]:
        return {task: float(apart) for task, apart in self.read("paced")}

    def begin(self, tokens: Collection[Token], once: bool = False) -> set[Token]:
        return self.in_transaction(lambda: self.dialect.begin(self.connection, tokens, once)) if tokens else set()

    def release(self, tokens: Collection[Token]) -> int:
        if not tokens:
            return 0
        return self._taken(lambda: self.dialect.release(self.connection, sorted(tokens), time.time()))

    def held(self, child: str) -> set[Token]:
        held = self._do(lambda: self.connection.fetch(self.dialect.sql["held"], (child,)))
        return {Token(number, child, delivery) for number, delivery in held}

    def settle(self, outcomes: Sequence[Outcome]) -> set[Token]:
        check_states(outcomes)
        if not outcomes:
            return set()
        refused = self.in_transaction(lambda: self.dialect.settle(self.connection, outcomes))
        self._after_settling(outcomes)
        return refused

    @property
    def exchange(self) -> Callable[[Sequence[Outcome], Sequence[str], int, str], tuple[set[Token], list[Job]]]:
        """Settle, then claim, in one transaction (``Exchanging``), where there is one lock for all who write: on SQLite.

        On PostgreSQL it saves nothing that could be measured, and on MariaDB who waits for a result waits longer.
        """
        if not self.dialect.one_writer:
            raise AttributeError("exchange")
        return self._exchange

    def _exchange(
        self, outcomes: Sequence[Outcome], queues: Sequence[str], limit: int, child: str
    ) -> tuple[set[Token], list[Job]]:
        check_states(outcomes)

        def both() -> tuple[set[Token], list[Job]]:
            return self.dialect.settle(self.connection, outcomes), self.claim(queues, limit, child)

        refused, jobs = self.in_transaction(both)
        try:
            self._after_settling(outcomes)
        except (CeleriacError, DatabaseError, OSError):  # the jobs are ours now, so they must not get lost on the way
            logger.warning("Nobody could be woken; those who wait look for themselves within a second.", exc_info=True)
        return refused, jobs

    def _after_settling(self, outcomes: Sequence[Outcome]) -> None:
        self._wake_waiters()
        if all(outcome.state in _QUIET and not outcome.follow_ups for outcome in outcomes):
            return
        # Which queue a job goes back to is not in the outcome, so everybody who is idle looks.
        queues = Counter(job.queue for outcome in outcomes for job in outcome.follow_ups)
        queues.update(outcome.queue or "" for outcome in outcomes if outcome.state in (State.WAITING, State.SCHEDULED))
        due = min((outcome.run_at for outcome in outcomes if outcome.run_at is not None), default=None)
        self.wake_up(queues, due)

    @contextmanager
    def settling(self) -> Iterator[Callable[[Outcome], bool]]:
        """Run a body and its settle in one transaction of the caller's own connection (invariant 3)."""
        caller = SQLBroker(self.alias)
        settled: list[Outcome] = []

        def settle(outcome: Outcome) -> bool:
            settled.append(outcome)
            return not caller.dialect.settle(caller.connection, [outcome])

        with transaction.atomic(using=self.alias):
            yield settle
        if settled:
            caller._after_settling(settled)

    def promote(self, limit: int) -> float | None:
        sql = self.dialect.sql

        def promote() -> list[str]:
            due = self.connection.fetch(sql["due"], (limit,))
            if due:
                self.connection.run_many(sql["promote"], [(job,) for job, _ in due])
            return [queue for _, queue in due]

        until = self._do(lambda: self.connection.fetch(sql["next_due"]))[0][0]
        if until is None or until > 0:
            return None if until is None else float(until)
        queues = self.in_transaction(promote)
        self.wake_up(Counter(queues))
        until = self._do(lambda: self.connection.fetch(sql["next_due"]))[0][0]
        return None if until is None else max(0.0, float(until))

    # -- control -------------------------------------------------------------------------------------------------------------

    def control(self, command: Command) -> int:
        carry_out = _CONTROLS[type(command)]
        changed, queues = self.in_transaction(lambda: carry_out(self.connection, self.dialect, command))
        if isinstance(command, Purge):
            changed += self._purge_the_rest(command, changed)
        self.connection.after_commit(lambda: self._after_control(queues))
        return changed

    def _purge_the_rest(self, command: Purge, changed: int) -> int:
        gone = 0
        while changed == control.PURGE_BATCH:
            changed, _queues = self.in_transaction(lambda: control.purge(self.connection, self.dialect, command))
            gone += changed
        return gone

    def _after_control(self, queues: Mapping[str, int]) -> None:
        self.wake_up(queues)
        self._wake_waiters()
        with typed_errors(self.alias, self.connection):
            self.wake.wake_keepers()

    def doomed(self, worker: str) -> set[Token]:
        return {Token(*row) for row in self._do(lambda: self.connection.fetch(self.dialect.sql["doomed"], (worker,)))}

    def backlog(self, queue: str, limit: int) -> int:
        return int(self._do(lambda: self.connection.fetch(self.dialect.sql["backlog"], (queue, limit)))[0][0])

    # -- the store -----------------------------------------------------------------------------------------------------------

    def get(self, id: str) -> Job | None:
        return self._do(lambda: store.get(self.connection, self.dialect, id))

    def wait(self, id: str, timeout: float | None) -> Job | None:
        if self.private or not self.connection.in_transaction():
            return store.wait(self, id, timeout)
        other = self.clone()  # the caller's transaction may see the database as it was when it began
        try:
            if other.get(id) is None and self.get(id) is not None:
                raise CeleriacError(
                    _(
                        "The job {id} was enqueued inside this transaction, so no worker sees it before the COMMIT, and"
                        " waiting for it here would never end. Leave the atomic() block first."
                    ).format(id=id)
                )
            return store.wait(other, id, timeout)
        finally:
            other.close()

    def mark_awaited(self, id: str) -> None:
        """Ask for a wake-up when the job has ended."""
        self._do(lambda: self.connection.run(self.dialect.sql["await"], (id,)))

    def attempts(self, id: str) -> list[Attempt]:
        return self._do(lambda: store.attempts(self.connection, self.dialect, id))

    def find(self, where: Mapping[str, Any], limit: int, before: int | None = None) -> list[Job]:
        return self._do(lambda: store.find(self.connection, self.dialect, where, limit, before))

    def search(
        self, where: Mapping[str, Any], limit: int, before: int | None = None, depth: int = 1000, text: str = ""
    ) -> Found:
        return self._do(lambda: searching.search(self.connection, self.dialect, where, limit, before, depth, text))

    def counts(self) -> dict[str, dict[State, int]]:
        return self._do(lambda: store.counts(self.connection, self.dialect))

    def snapshot(self) -> Snapshot:
        return self._do(lambda: store.snapshot(self.connection, self.dialect))

    def failures(self, seconds: float, limit: int) -> list[Job]:
        return self._do(lambda: store.failures(self.connection, self.dialect, seconds, limit))

    def workers(self) -> list[WorkerInfo]:
        return self._do(lambda: store.workers(self.connection, self.dialect))

    def remember(self, job: Job, outcome: Outcome) -> None:
        self.in_transaction(lambda: records.remember(self.connection, self.dialect, job, outcome))

    def report(self, token: Token, progress: dict[str, Any]) -> bool:
        values = (store.progress_text(progress), token.number, *token)
        return bool(self._do(lambda: self.connection.run(self.dialect.sql["report"], values)))

    def forget(self, ids: Iterable[str]) -> int:
        return self.in_transaction(lambda: store.forget(self.connection, self.dialect, ids))

    def prune(self, ages: Mapping[State, float], limit: int) -> int:
        return self.in_transaction(lambda: store.prune(self.connection, self.dialect, ages, limit))

    # -- ended jobs of a broker or of a result store that is elsewhere -----------------------------------------------------

    def ended(self, limit: int, after: int = 0) -> tuple[list[Record], int]:
        return self._do(lambda: records.ended(self.connection, self.dialect, limit, after))

    def drop(self, numbers: Sequence[int]) -> int:
        return self.in_transaction(lambda: records.drop(self.connection, self.dialect, numbers))

    def keep(self, kept: Sequence[Record]) -> set[str]:
        try:
            return self.in_transaction(lambda: records.keep(self.connection, self.dialect, kept))
        except (DataError, IntegrityError):  # one of them cannot be stored, or another process keeps the same just now
            if len(kept) == 1:
                return {kept[0].job.id}
        return {id for record in kept for id in self.keep([record])}


def _arrivals(jobs: Sequence[Job]) -> tuple[dict[str, int], float | None]:
    """Return how many jobs wait in each queue, and when the first of those that do not is due."""
    waiting: dict[str, int] = {}
    due: float | None = None
    for job in jobs:
        if job.state is State.WAITING:
            waiting[job.queue] = waiting.get(job.queue, 0) + 1
        elif job.state is State.SCHEDULED and job.run_at is not None and (due is None or job.run_at < due):
            due = job.run_at
    return waiting, due


_QUIET = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED, State.PARKED})

_CONTROLS: Mapping[type, Callable[[Connection, Dialect, Any], control.Changed]] = {
    Cancel: control.cancel,
    Pause: control.pause,
    Resume: control.resume,
    Purge: control.purge,
    Unpark: control.unpark,
    RunNow: control.run_now,
    Pace: rates.set_rate,
}
