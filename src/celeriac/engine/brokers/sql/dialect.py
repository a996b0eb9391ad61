"""What every SQL database does alike, over named statements; each vendor's module overrides what it does better.

The order of locks is the same everywhere, so that two transactions never wait for each other in a circle: worker, child, live
row, record.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from celeriac.engine.brokers.base import Consequences
from celeriac.engine.brokers.endings import lost, poisonous, unwanted, with_consequences, worth_keeping
from celeriac.engine.brokers.sql import rows
from celeriac.engine.brokers.sql.connection import Connection, OwnConnection, Rows
from celeriac.engine.brokers.sql.statements import STATEMENTS
from celeriac.engine.job import TERMINAL, Job, State, Token
from celeriac.engine.outcome import Outcome


class Dialect:
    """The statements of one vendor, and the operations that are more than one statement."""

    vendor: ClassVar[str]
    one_writer: ClassVar[bool] = False
    """Whether a transaction that writes keeps every other from it."""
    fragments: ClassVar[dict[str, str]]
    statements: ClassVar[dict[str, str]] = {}
    """What takes the place of the statements of the same names."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        texts = {**STATEMENTS, **self.statements}
        self.sql = {name: self.quoted(text.format(**self.fragments)) for name, text in texts.items()}

    def connect(self) -> OwnConnection:
        """Return a private connection, not opened yet."""
        raise NotImplementedError

    @staticmethod
    def cursor(raw: Any) -> Any:
        """Return a cursor on the raw connection of Django's, for a caller's statements."""
        return raw.cursor()

    @staticmethod
    def native(sql: str) -> str:
        """Return a statement with the driver's own placeholders in place of ``%s``."""
        return sql

    @staticmethod
    def quoted(sql: str) -> str:
        """Return a statement with the vendor's own quotes around names, in place of ``"``."""
        return sql

    def time(self, value: float | None) -> Any:
        """Return seconds since 1970 UTC as the driver wants a time."""
        raise NotImplementedError

    def among(self, numbers: Sequence[int]) -> str:
        """Return what the fragment ``among`` takes for a list of numbers."""
        raise NotImplementedError

    def among_texts(self, texts: Sequence[str]) -> Any:
        """Return what the fragment ``among_texts`` takes for a list of texts."""
        raise NotImplementedError

    def push(self, connection: Connection, jobs: Sequence[Job]) -> None:
        """Insert records and live rows; ids that exist are left alone."""
        raise NotImplementedError

    def push_and_wake(self, connection: Connection, job: Job) -> bool:
        """Insert one job that waits and wake an idle child, in one go. Returns False, with nothing done, where it cannot be."""
        return False

    def claim(self, connection: Connection, queue: str, limit: int, child: str) -> Rows | None:
        """Take up to ``limit`` jobs of one queue: rows for ``rows.claimed_job``. None: the child is dead."""
        raise NotImplementedError

    def end(self, connection: Connection, outcomes: Sequence[Outcome]) -> set[Token]:
        """End jobs in one go. Returns the tokens accepted."""
        raise NotImplementedError

    def advance(self, connection: Connection, entries: Sequence[Sequence[Any]]) -> int:
        """Advance periodic tasks that were due. Returns how many were as they were.

        Each is a row of the parameters of ``advance``, with times in seconds but for the last, which is as it was read.
        """
        return connection.run_many(self.sql["advance"], [(*self.planned(entry[:-1]), entry[-1]) for entry in entries])

    def planned(self, entry: Sequence[Any]) -> Sequence[Any]:
        """Return the first parameters of ``advance`` and of ``plan`` with times as the driver wants them."""
        next_run, held, enabled, problem, last_run, *rest = entry
        return self.time(next_run), self.time(held), enabled, problem, self.time(last_run), *rest

    # -- operations that are alike everywhere ------------------------------------------------------------------------------

    def begin(self, connection: Connection, tokens: Collection[Token], once: bool) -> set[Token]:
        """Mark tokens as begun; return those still held."""
        statement = self.sql["begin"]
        return {token for token in tokens if connection.run(statement, (once, *token))}

    def release(self, connection: Connection, tokens: Collection[Token], now: float) -> list[str]:
        """Give back what has not begun. Returns the queues of what went back, one entry a job; empty for one that ended.

        A job that somebody cancelled meanwhile ends so instead: it must not start anew.
        """
        queues: list[str] = []
        ended: list[Outcome] = []
        for token in tokens:
            held = connection.fetch(self.sql["not_begun"], token)
            if held and held[0][1]:
                ended.append(unwanted(token, now))
            elif held and connection.run(self.sql["give_back"], token):
                queues.append(held[0][0])
        if ended:
            self.settle(connection, ended)
        return queues + [""] * len(ended)

    def send_back(self, connection: Connection, outcome: Outcome) -> bool:
        """Settle a retry or a requeue. Returns whether the token was accepted."""
        if connection.fetch(self.sql["is_revoked"], outcome.token):
            return bool(self.end(connection, [unwanted(outcome.token, outcome.finished)]))
        later = outcome.state is State.SCHEDULED and outcome.run_at is not None and outcome.run_at > outcome.finished
        state = State.SCHEDULED if later else State.WAITING
        run_at = self.time(outcome.run_at)
        if not connection.run(self.sql["return_live"], (state.value, run_at, outcome.queue, *outcome.token)):
            return False
        connection.run(
            self.sql["return_record"],
            (
                state.value,
                run_at,
                outcome.payload,
                outcome.queue,
                self.time(outcome.started),
                outcome.worker,
                int(outcome.counts),
                outcome.token.number,
            ),
        )
        return True

    def keep_attempt(self, connection: Connection, outcome: Outcome) -> None:
        """Write the row of an ended attempt."""
        log = rows.clean(outcome.log) if outcome.log else None
        times = (self.time(outcome.started), self.time(outcome.finished))
        failure = rows.failure_text(outcome.failure)
        connection.run(self.sql["attempt"], (outcome.state.value, *times, outcome.worker, failure, log, outcome.token.number))

    def settle(self, connection: Connection, outcomes: Sequence[Outcome]) -> set[Token]:
        """Settle a batch inside the caller's transaction. Returns the tokens refused."""
        ended = [outcome for outcome in outcomes if outcome.state in TERMINAL or outcome.state is State.PARKED]
        accepted = self.end(connection, ended) if ended else set()
        for outcome in outcomes:
            if outcome.state in (State.SCHEDULED, State.WAITING) and self.send_back(connection, outcome):
                accepted.add(outcome.token)
        refused = {outcome.token for outcome in outcomes} - accepted
        for outcome in outcomes:
            if outcome.token in refused:
                continue
            if worth_keeping(outcome):
                self.keep_attempt(connection, outcome)
            if outcome.progress is not None:
                connection.run(self.sql["progress"], (rows.json_text(outcome.progress), outcome.token.number))
            if outcome.follow_ups:
                self.push(connection, outcome.follow_ups)
        return refused

    def settle_dead(self, connection: Connection, outcomes: Sequence[Outcome], consequences: Consequences | None) -> set[Token]:
        """Settle what the broker decided by itself, with what follows the failures. Returns the tokens refused."""
        for outcome in outcomes:
            if outcome.state is State.FAILED:
                found = connection.fetch(self.sql["record"], (outcome.token.number,))
                with_consequences(outcome, rows.record(found[0]) if found else None, consequences)
        return self.settle(connection, outcomes)

    def empty(
        self,
        connection: Connection,
        child: str,
        begun: Collection[Token],
        now: float,
        limit: int | None,
        consequences: Consequences | None = None,
    ) -> list[str]:
        """Take everything from a child that is marked dead. Begun jobs are charged, unless ``limit`` is None.

        Returns the queues of what went back, one entry a job taken; empty for one that ended.
        """
        queues: list[str] = []
        ended: list[Outcome] = []
        marked = {(token.number, token.delivery) for token in begun}
        for number, delivery, queue, charges, once, since, revoked in connection.fetch(self.sql["in_hand"], (child,)):
            token = Token(number, child, delivery)
            begun_at = rows.seconds(since) or (now if (number, delivery) in marked else None)
            outcome = self._end_of_dead(connection, token, begun_at, charges, bool(once), bool(revoked), now, limit)
            if outcome is None:
                queues.append(queue)
            else:
                ended.append(outcome)
        if ended:
            self.settle_dead(connection, ended, consequences)
        if queues:
            connection.run(self.sql["give_back_all"], (child,))
        return queues + [""] * len(ended)

    def _end_of_dead(
        self,
        connection: Connection,
        token: Token,
        begun_at: float | None,
        charges: int,
        once: bool,
        revoked: bool,
        now: float,
        limit: int | None,
    ) -> Outcome | None:
        """Charge one job of a dead child. Returns how it ends, or None where it runs again."""
        if begun_at is not None and limit is not None:
            connection.run(self.sql["charge"], (token.number,))
        if begun_at is not None and once:
            return lost(token, begun_at, now)
        if revoked:
            return unwanted(token, now)
        if begun_at is not None and limit is not None and charges + 1 >= limit:
            return poisonous(token, begun_at, now, charges + 1)
        return None
