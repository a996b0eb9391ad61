"""Broker and store on a Django database. One instance serves one thread of a worker, or all callers of a process.

A *caller's* instance uses Django's own connection of whichever thread calls, so a push joins that thread's transaction. A
*worker's* instance (``clone()``, ``private=True``) opens a connection of its own and is used by one thread.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connections, transaction
from django.db.utils import OperationalError

from celeriac.engine.brokers.base import (
    Cancel,
    Capabilities,
    Command,
    Consequences,
    Pace,
    Pause,
    Purge,
    Resume,
    Unpark,
    Verdict,
    WorkerInfo,
)
from celeriac.engine.brokers.endings import judged
from celeriac.engine.brokers.sql import control, rates, store
from celeriac.engine.brokers.sql.connection import CallerConnection, Connection, Rows, is_conflict, is_locked, typed_errors
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.brokers.sql.leader import SQLLeader
from celeriac.engine.brokers.sql.rows import claimed_job, to_json
from celeriac.engine.brokers.sql.wake import Wake, wake_for
from celeriac.engine.errors import CeleriacError, ChildIsDead, ImproperlyConfigured, LeaseLost
from celeriac.engine.job import Job, State, Token
from celeriac.engine.outcome import Attempt, Failure, Outcome
from celeriac.engine.translation import gettext as _

T = TypeVar("T")
CONFLICTS = 5
"""How often a transaction that the server chose as a deadlock's victim is tried again."""


def dialect_for(alias: str) -> Dialect:
    """Return the dialect of a database alias. Raises ``ImproperlyConfigured`` for a vendor without one."""
    vendor = connections[alias].vendor
    if vendor == "sqlite":
        from celeriac.engine.brokers.sql.sqlite import SQLite  # a vendor's driver is imported only where it is used

        return SQLite(alias)
    if vendor == "postgresql":
        from celeriac.engine.brokers.sql.postgres import Postgres

        return Postgres(alias)
    if vendor == "mysql":
        from celeriac.engine.brokers.sql.mysql import MySQL

        return MySQL(alias)
    raise ImproperlyConfigured(
        _(
            "The database {alias!r} is {vendor}; Celeriac's SQL engine runs on SQLite, PostgreSQL, MySQL and MariaDB. Name an"
            ' alias of one of these: CELERY_BROKER_URL = "django://<alias>".'
        ).format(alias=alias, vendor=vendor)
    )


class SQLBroker:
    """Moves and remembers jobs in a Django database."""

    def __init__(self, alias: str, private: bool = False) -> None:
        self.alias = alias
        self.private = private
        self.dialect = dialect_for(alias)
        self.capabilities = Capabilities(transactional=True)
        self.connection: Connection = self.dialect.connect() if private else CallerConnection(alias, self.dialect.native)
        self.wake: Wake = wake_for(self.dialect, self.connection)

    def open(self) -> None:
        self._do(lambda: self.connection.fetch("select 1 from celeriac_leader where duty = %s", ("",)))

    def close(self) -> None:
        self.wake.close()
        self.connection.close()

    def clone(self) -> SQLBroker:
        return SQLBroker(self.alias, private=True)

    def notifier(self) -> Wake:
        return self.wake

    def leader(self, duty: str) -> SQLLeader:
        return SQLLeader(self, duty)

    # -- running statements ------------------------------------------------------------------------------------------------

    def _do(self, action: Callable[[], T]) -> T:
        """Run ``action`` with typed errors; try again what a deadlock ended or another writer locked out."""
        with typed_errors(self.alias, self.connection):
            for attempt in range(CONFLICTS):
                try:
                    return action()
                except OperationalError as error:
                    if not self.private or not (is_conflict(error) or is_locked(error)) or attempt == CONFLICTS - 1:
                        raise
                    time.sleep(random.uniform(0, 0.02 * (attempt + 1)))
        raise AssertionError("unreachable: the last conflict is raised")

    def in_transaction(self, action: Callable[[], T]) -> T:
        def run() -> T:
            with self.connection.atomic():
                return action()

        return self._do(run)

    def write(self, sql: str, values: Sequence[Any]) -> int:
        """Run one statement by itself; return the number of rows it changed."""
        return self._do(lambda: self.connection.run(sql, values))

    def read(self, name: str) -> Rows:
        """Return what a named statement without values finds."""
        return self._do(lambda: self.connection.fetch(self.dialect.sql[name]))

    # -- moving jobs -------------------------------------------------------------------------------------------------------

    def push(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        self._do(lambda: self.dialect.push(self.connection, jobs))
        waiting = Counter(job.queue for job in jobs if job.state is State.WAITING)
        due = min((job.run_at for job in jobs if job.state is State.SCHEDULED and job.run_at is not None), default=None)
        self.connection.after_commit(lambda: self.wake_up(waiting, due))

    def wake_up(self, waiting: Mapping[str, int], due: float | None = None) -> None:
        with typed_errors(self.alias, self.connection):
            if waiting:
                self.wake.wake(waiting)
            if due is not None and due < time.time() + 1.0:  # what is due later, the keeper sees in time by itself
                self.wake.wake_keepers()

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

    def paced(self) -> set[str]:
        return {row[0] for row in self._do(lambda: self.connection.fetch(self.dialect.sql["paced"]))}

    def begin(self, tokens: Collection[Token], once: bool = False) -> set[Token]:
        return self.in_transaction(lambda: self.dialect.begin(self.connection, tokens, once)) if tokens else set()

    def release(self, tokens: Collection[Token]) -> int:
        if not tokens:
            return 0
        return self._taken(lambda: self.dialect.release(self.connection, sorted(tokens), time.time()))

    def _taken(self, take: Callable[[], list[str]]) -> int:
        """Run what takes jobs back, wake who waits for them, and return how many they were."""
        queues = self.in_transaction(take)
        if "" in queues:
            self._wake_waiters()
        self.wake_up(Counter(queue for queue in queues if queue))
        return len(queues)

    def held(self, child: str) -> set[Token]:
        held = self._do(lambda: self.connection.fetch(self.dialect.sql["held"], (child,)))
        return {Token(number, child, delivery) for number, delivery in held}

    def settle(self, outcomes: Sequence[Outcome]) -> set[Token]:
        if not outcomes:
            return set()
        refused = self.in_transaction(lambda: self.dialect.settle(self.connection, outcomes))
        self._after_settling(outcomes)
        return refused

    def _wake_waiters(self) -> None:
        """Wake the callers whose job is over. After the COMMIT: who waits has made its row before it looked at the job."""

        def wake() -> None:
            over = [row[0] for row in self.connection.fetch(self.dialect.sql["over"])]
            if over:
                self.wake.wake_waiters(over)  # first: the other may wait for the disk, and so would they
                self.connection.run_many(self.dialect.sql["woken"], [(number,) for number in over])

        self._do(wake)

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

    # -- leases and rescue ---------------------------------------------------------------------------------------------------

    def renew(self, worker: str, lease: float) -> bool:
        return bool(self._do(lambda: self.connection.run(self.dialect.sql["renew"], (lease, worker))))

    def leave(self, worker: str, consequences: Consequences | None = None) -> int:
        with self._waking(consequences) as noted:
            return self._taken(lambda: self._bury(worker, None, noted))

    def rescue(
        self,
        child: str | None = None,
        begun: Collection[Token] = (),
        verdicts: Collection[Verdict] = (),
        limit: int | None = 3,
        consequences: Consequences | None = None,
    ) -> int:
        with self._waking(consequences) as noted:
            if child is None:
                return self._taken(lambda: self._rescue_lapsed(limit, noted))
            return self._taken(lambda: self._rescue_child(child, begun, verdicts, limit, noted))

    @contextmanager
    def _waking(self, consequences: Consequences | None) -> Iterator[Consequences | None]:
        """Yield ``consequences``; after the COMMIT wake who waits for the jobs that were pushed by it."""
        queues: Counter[str] = Counter()

        def noted(job: Job, failure: Failure) -> Sequence[Job]:
            follow_ups = () if consequences is None else consequences(job, failure)
            queues.update(follow_up.queue for follow_up in follow_ups)
            return follow_ups

        yield consequences and noted
        self.wake_up(queues)

    def _rescue_lapsed(self, limit: int | None, consequences: Consequences | None) -> list[str]:
        lapsed = self.connection.fetch(self.dialect.sql["lapsed"])
        return [queue for (worker,) in lapsed for queue in self._bury(worker, limit, consequences)]

    def _bury(self, worker: str, limit: int | None, consequences: Consequences | None) -> list[str]:
        sql = self.dialect.sql
        self.connection.run(sql["kill_worker"], (worker,))
        children = [row[0] for row in self.connection.fetch(sql["children"], (worker,))]
        self.connection.run(sql["kill_children"], (worker,))  # waits for claims in flight, or stops them
        if children:
            self.connection.run_many(sql["forget_idle"], [(child,) for child in children])
        now = time.time()
        return [
            queue for child in children for queue in self.dialect.empty(self.connection, child, (), now, limit, consequences)
        ]

    def _rescue_child(
        self,
        child: str,
        begun: Collection[Token],
        verdicts: Collection[Verdict],
        limit: int | None,
        consequences: Consequences | None,
    ) -> list[str]:
        self.connection.run(self.dialect.sql["kill_child"], (child,))  # first: it waits for a claim in flight, or stops it
        self.connection.run(self.dialect.sql["forget_idle"], (child,))  # nobody is to wake the dead
        now = time.time()
        outcomes = [judged(verdict, now, now) for verdict in verdicts]
        refused = self.dialect.settle_dead(self.connection, outcomes, consequences) if outcomes else set()
        taken = self.dialect.empty(self.connection, child, begun, now, limit, consequences)
        return taken + [""] * (len(outcomes) - len(refused))

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
        self.connection.after_commit(lambda: self._after_control(queues))
        return changed

    def _after_control(self, queues: Mapping[str, int]) -> None:
        self.wake_up(queues)
        self._wake_waiters()
        with typed_errors(self.alias, self.connection):
            self.wake.wake_keepers()

    def doomed(self, worker: str) -> set[Token]:
        return {Token(*row) for row in self._do(lambda: self.connection.fetch(self.dialect.sql["doomed"], (worker,)))}

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

    def counts(self) -> dict[str, dict[State, int]]:
        return self._do(lambda: store.counts(self.connection, self.dialect))

    def workers(self) -> list[WorkerInfo]:
        return self._do(lambda: store.workers(self.connection, self.dialect))

    def remember(self, job: Job, outcome: Outcome) -> None:
        self.in_transaction(lambda: store.remember(self.connection, self.dialect, job, outcome))

    def report(self, token: Token, progress: dict[str, Any]) -> bool:
        values = (store.progress_text(progress), token.number, *token)
        return bool(self._do(lambda: self.connection.run(self.dialect.sql["report"], values)))

    def forget(self, ids: Iterable[str]) -> int:
        return self.in_transaction(lambda: store.forget(self.connection, self.dialect, ids))

    def prune(self, ages: Mapping[State, float], limit: int) -> int:
        return self.in_transaction(lambda: store.prune(self.connection, self.dialect, ages, limit))


_QUIET = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED, State.PARKED})

_CONTROLS: Mapping[type, Callable[[Connection, Dialect, Any], control.Changed]] = {
    Cancel: control.cancel,
    Pause: control.pause,
    Resume: control.resume,
    Purge: control.purge,
    Unpark: control.unpark,
    Pace: rates.set_rate,
}
