"""PostgreSQL (psycopg 3): SKIP LOCKED, whole batches in one statement, READ COMMITTED.

Every write waits for the disk, claims too: a claim that a crash of the server forgot would run its job a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

import psycopg
from django.db.utils import IntegrityError

from celeriac.engine.brokers.sql import arrays, rows
from celeriac.engine.brokers.sql.connection import PATIENCE, Connection, OwnConnection, Rows
from celeriac.engine.brokers.sql.deadline import bound_waits
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.brokers.sql.listen import WAKE, waking
from celeriac.engine.brokers.sql.servererrors import code
from celeriac.engine.job import Job, Token
from celeriac.engine.outcome import Outcome

# The child's row is locked first and shared: a rescue of this child either waits until this claim is committed, and then sees
# what it took, or comes first, and then this claim finds the child dead. FOR SHARE is what makes the two exclude each other.
CLAIM = """with self as materialized (
        select id from celeriac_child where id = %s and alive for share),
    picked as materialized (
        select job from celeriac_live
        where state = 'waiting' and queue = %s and exists (select 1 from self)
            and not exists (select 1 from celeriac_queue where name = %s and paused)
        order by priority desc, job limit %s for update skip locked),
    taken as (
        update celeriac_live l set state = 'running', child = %s, delivery = l.delivery + 1 from picked where l.job = picked.job
        returning l.job, l.delivery, l.charges)
    select taken.delivery, taken.charges, {columns} from taken join celeriac_job j on j.number = taken.job
    union all select null, null{nulls} where not exists (select 1 from self)"""

# A live row has a child exactly while it is running, so the token alone decides; a condition on the state would only tempt the
# planner to start from the index of running rows.
END = """with gone as (
        delete from celeriac_live l
        using unnest(%s::bigint[], %s::text[], %s::int[], %s::text[], %s::bytea[], %s::float8[], %s::float8[], %s::int[])
            as u(job, child, delivery, state, result, started, finished, counts)
        where l.job = u.job and l.child = u.child and l.delivery = u.delivery
        returning l.job, l.child, l.delivery, l.charges, u.state, u.result, u.started, u.finished, u.counts)
    update celeriac_job j set state = gone.state, trouble = nullif(gone.state, 'succeeded'), result = gone.result,
        started = to_timestamp(gone.started), finished = to_timestamp(gone.finished), worker = %s,
        attempts = j.attempts + gone.counts, charges = gone.charges
    from gone where j.number = gone.job returning j.number, gone.child, gone.delivery"""

ADVANCE = """update celeriac_periodic p set next_run = to_timestamp(u.next_run), held = to_timestamp(u.held),
        enabled = u.enabled, problem = u.problem, last_run = coalesce(to_timestamp(u.last_run), p.last_run),
        last_job = coalesce(u.last_job, p.last_job), total_run_count = p.total_run_count + u.runs,
        recent = coalesce(u.recent, p.recent)
    from unnest(%s::float8[], %s::float8[], %s::bool[], %s::text[], %s::float8[], %s::text[], %s::int[], %s::jsonb[],
        %s::bigint[], %s::float8[])
        as u(next_run, held, enabled, problem, last_run, last_job, runs, recent, id, was)
    where p.id = u.id and p.next_run = to_timestamp(u.was)"""

_TYPES = {
    "id": "text", "task": "text", "queue": "text", "payload": "bytea", "priority": "smallint", "state": "text",
    "run_at": "timestamptz", "expires": "timestamptz", "root": "text", "parent": "text", "group": "text", "position": "int",
    "unique_key": "text", "concurrency_key": "text", "fairness_key": "text", "headers": "jsonb", "metadata": "jsonb",
    "progress": "jsonb", "schedule": "text", "nominal": "timestamptz", "attempts": "int",
}  # fmt: skip


UNLESS_KNOWN = "on conflict (id) do nothing"
UNIQUE_VIOLATION = "23505"
SAVEPOINT = "celeriac_push"
MANY = 200
"""Jobs from which on it pays to insert them without a look at their ids: 1.4 us each, and the savepoint is two trips."""


def _inserted(columns: Sequence[str], values: str, unless: str = UNLESS_KNOWN) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    return f"""with new as (
        insert into celeriac_job ({names}, created) {values} {unless} returning number, queue, priority, state, run_at)"""


INSERT_LIVE = "insert into celeriac_live (job, queue, priority, state, run_at) select * from new order by number"


def _one(columns: Sequence[str]) -> str:
    values = ", ".join(f"%s::{_TYPES[column]}" for column in columns)
    return _inserted(columns, f"values ({values}, clock_timestamp())")


@lru_cache(maxsize=100)
def push_one(columns: Sequence[str]) -> str:
    """Return the statement that inserts one job with values in these columns."""
    return f"{_one(columns)} {INSERT_LIVE}"


@lru_cache(maxsize=100)
def push_and_wake(columns: Sequence[str]) -> str:
    """Return the statement that also wakes one idle child with its COMMIT: the parameters of ``WAKE`` follow the values.

    It counts what it has inserted before it looks for the child: one whose insert waits for somebody has locked no child.
    """
    return f"{_one(columns)}, live as ({INSERT_LIVE} returning 1) {WAKE.format(children='(select count(*) from live)')}"


@lru_cache(maxsize=100)
def _push_many(shared: Sequence[str], own: Sequence[str], unless: str) -> str:
    """Return the statement that inserts many: first come the values that all of them share, then an array for each column."""
    values = [f"%s::{_TYPES[column]}" for column in shared]
    values += [f'to_timestamp("{column}")' if column in rows.TIMES else f'"{column}"' for column in own]
    arrays = ", ".join(f"%s::{'float8' if column in rows.TIMES else _TYPES[column]}[]" for column in own)
    names = ", ".join(f'"{column}"' for column in own)
    table = f"unnest({arrays}) with ordinality as u({names}, place)"
    new = _inserted((*shared, *own), f"select {', '.join(values)}, clock_timestamp() from {table} order by place", unless)
    return f"{new} {INSERT_LIVE}"


_ALIKE = ("task", "queue", "priority", "state")
"""What is the same in all jobs of one call of ``bulk``: arrays of it cost the server a fifth of the insert."""
_alike: Callable[[Job], tuple[Any, ...]] = attrgetter(*_ALIKE)


class Postgres(Dialect):
    """The statements that PostgreSQL wants its own way."""

    vendor = "postgresql"
    fragments = {  # noqa: RUF012 - read only, as declared in Dialect
        # The first is another time each time it is asked, so no index can be searched by it; the second is one a statement.
        "now": "clock_timestamp()", "moment": "statement_timestamp()", "ahead": "clock_timestamp() + make_interval(secs => %s)",
        "ago": "clock_timestamp() - make_interval(secs => %s)", "true": "true", "false": "false", "json": "%s::jsonb",
        "text": "%s::text", "blob": "%s::bytea", "for_update": "for update", "skip_locked": "for update skip locked",
        "reading": "date_part('epoch', ", "read": ")",  # the driver takes 5 us for a time with a zone, Django's part with it
        "until_min_run_at": "extract(epoch from min(run_at) - clock_timestamp())::float8", "parked_by": "{column} = %s",
        "lock_live": "for update of l skip locked", "among": "= any(%s::bigint[])", "among_texts": "= any(%s::text[])",
        "insert_new": "insert into", "unless_known": "on conflict do nothing", "most_urgent": "priority desc",
        # A limit of its own, or the planner might read a whole table on the caller's connection, which leaves it free to.
        "record_of_part": "cross join lateral (select * from celeriac_job where number = w.number limit 1) j",
        "live_of_part": "left join lateral (select * from celeriac_live where job = w.number limit 1) l on true",
        "begins": "starts_with(j.id, %s::text)", "has_text": "strpos(j.task, %s::text) > 0",
        "has_bytes": "position(%s::bytea in j.payload) > 0",
    }  # fmt: skip

    statements = {"advance": ADVANCE}  # noqa: RUF012 - read only, as declared in Dialect

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        columns = [f"j.{column.strip()}" for column in rows.CLAIM_COLUMNS.split(",")]
        self._claim = CLAIM.format(columns=", ".join(columns), nulls=", null" * len(columns))

    def connect(self) -> OwnConnection:
        return OwnConnection(self.alias, self._options, self._prepare, self.native, "BEGIN ISOLATION LEVEL READ COMMITTED")

    @staticmethod
    def _options(options: dict[str, Any]) -> dict[str, Any]:
        for name in ("pool", "isolation_level"):
            options.pop(name, None)
        limit = int(PATIENCE * 1000)
        given = options.get("options", "")
        return {
            "connect_timeout": int(PATIENCE),
            "keepalives_idle": 5,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "tcp_user_timeout": 2 * limit,
            **options,
            # Every statement of the engine finds its rows by index, in small batches. The planner, whose statistics of a
            # queue are always out of date, would now and then read the whole table instead.
            "options": f"{given} -c statement_timeout={2 * limit} -c lock_timeout={limit} -c jit=off"
            " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan"
            f" -c default_transaction_isolation=read\\ committed -c idle_in_transaction_session_timeout={2 * limit}",
        }

    @staticmethod
    def cursor(raw: psycopg.Connection[Any]) -> Any:
        """Return a cursor that prepares what comes again, where the project allows that: behind some poolers it fails.

        Django's own binds on the client's side, so that no two statements are the same.
        """
        return raw.cursor() if getattr(raw, "prepare_threshold", None) is None else psycopg.Cursor(raw)

    @staticmethod
    def _prepare(raw: psycopg.Connection[Any]) -> Any:
        raw.prepare_threshold = 1
        bound_waits(raw, 2 * PATIENCE + 1)  # a little longer than the server's own timeout of a statement
        return psycopg.Cursor(raw)

    def time(self, value: float | None) -> datetime | None:
        return datetime.fromtimestamp(value, UTC) if value is not None else None

    def among(self, numbers: Sequence[int]) -> str:
        return arrays.numbers(numbers)

    def among_texts(self, texts: Sequence[str]) -> str:
        return arrays.texts(texts)

    def _value(self, column: str, value: Any) -> Any:
        if column in rows.TIMES:
            return self.time(value)
        return rows.json_text(value) if column in rows.JSONS else value

    def _array(self, column: str, jobs: Sequence[Job]) -> Any:
        values = list(map(attrgetter(column), jobs))
        if column == "payload":
            return arrays.blobs(values)
        if column in ("priority", "position", "attempts") or column in rows.TIMES:
            return arrays.numbers(values)
        return arrays.texts(list(map(rows.json_text, values)) if column in rows.JSONS else values)

    def advance(self, connection: Connection, entries: Sequence[Sequence[Any]]) -> int:
        next_run, held, enabled, problem, last_run, last_job, runs, recent, ids, was = map(list, zip(*entries, strict=True))
        texts, numbers = arrays.texts, arrays.numbers
        return connection.run(
            self.sql["advance"],
            (
                numbers(next_run), numbers(held), enabled, texts(problem), numbers(last_run), texts(last_job), numbers(runs),
                texts(recent), numbers(ids), numbers(was),
            ),
        )  # fmt: skip

    def push_and_wake(self, connection: Connection, job: Job) -> bool:
        if connection.in_transaction():  # that may last, and the row of the child that we wake is locked as long
            return False
        columns, values = self._row(job)
        connection.run(push_and_wake(columns), (*values, *waking(job.queue)))
        return True

    def push(self, connection: Connection, jobs: Sequence[Job]) -> None:
        if len(jobs) == 1:
            columns, values = self._row(jobs[0])
            connection.run(push_one(columns), values)
            return
        with connection.atomic():
            for start in range(0, len(jobs), 5000):
                self._push_many(connection, jobs[start : start + 5000])

    def _row(self, job: Job) -> tuple[tuple[str, ...], list[Any]]:
        columns = (*rows.PLAIN_COLUMNS, *rows.used_columns([job]))
        return columns, [self._value(column, getattr(job, column)) for column in columns]

    def _push_many(self, connection: Connection, jobs: Sequence[Job]) -> None:
        used = (*rows.PLAIN_COLUMNS, *rows.used_columns(jobs))
        alike = set(map(_alike, jobs))
        shared = _ALIKE if len(alike) == 1 else ()
        own = tuple(column for column in used if column not in shared)
        values = [*(alike.pop() if shared else ()), *(self._array(column, jobs) for column in own)]
        if len(jobs) < MANY or not _all_new(connection, _push_many(shared, own, ""), values):
            connection.run(_push_many(shared, own, UNLESS_KNOWN), values)

    def claim(self, connection: Connection, queue: str, limit: int, child: str) -> Rows | None:
        taken = connection.fetch(self._claim, (child, queue, queue, limit, child))
        if taken and taken[-1][0] is None:
            return None
        taken.sort(key=lambda row: (-row[7], row[2]))
        return taken

    def end(self, connection: Connection, outcomes: Sequence[Outcome]) -> set[Token]:
        ended: set[Token] = set()
        for worker in {outcome.worker for outcome in outcomes}:  # one, as a rule: a batch comes from one process
            part = [outcome for outcome in outcomes if outcome.worker == worker]
            ended.update(Token(*row) for row in connection.fetch(END, (*_ending(part), worker)))
        return ended


def _all_new(connection: Connection, insert: str, values: Sequence[Any]) -> bool:
    """Insert jobs whose ids nobody has, as a rule. Returns False, with nothing done, where somebody has one."""
    connection.run(f"savepoint {SAVEPOINT}")
    try:
        connection.run(insert, values)
    except IntegrityError as error:
        if code(error) != UNIQUE_VIOLATION:
            raise
        connection.run(f"rollback to savepoint {SAVEPOINT}")
        return False
    connection.run(f"release savepoint {SAVEPOINT}")
    return True


def _ending(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    tokens = [outcome.token for outcome in outcomes]
    return (
        arrays.numbers([token.number for token in tokens]),
        arrays.words([token.child for token in tokens]),
        arrays.numbers([token.delivery for token in tokens]),
        arrays.words([outcome.state.value for outcome in outcomes]),
        arrays.blobs([outcome.result for outcome in outcomes]),
        arrays.numbers([outcome.started for outcome in outcomes]),
        arrays.numbers([outcome.finished for outcome in outcomes]),
        arrays.numbers([int(outcome.counts) for outcome in outcomes]),
    )
