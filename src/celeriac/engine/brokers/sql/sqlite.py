"""SQLite: WAL, every write in a transaction that begins IMMEDIATE, one file on one host.

A deferred transaction that turns from reading to writing fails at once, whatever the timeout (SQLITE_BUSY_SNAPSHOT); an
immediate one waits its turn. The clock is the host's, which all processes share.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from celeriac.engine.brokers.sql import rows
from celeriac.engine.brokers.sql.connection import PATIENCE, Connection, OwnConnection, Rows
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.brokers.sql.sockets import folder_of
from celeriac.engine.brokers.sql.textvalues import TextValues
from celeriac.engine.brokers.sql.turnstile import Turnstile
from celeriac.engine.job import Job, Token
from celeriac.engine.outcome import Outcome

# Django's own text form of a time in UTC, so that the ORM reads what we write; it sorts as it should.
NOW = "strftime('%%Y-%%m-%%d %%H:%%M:%%f000', 'now')"
AHEAD = "strftime('%%Y-%%m-%%d %%H:%%M:%%f000', 'now', %s || ' seconds')"
AGO = "strftime('%%Y-%%m-%%d %%H:%%M:%%f000', 'now', '-' || %s || ' seconds')"

PICK = """select job from celeriac_live where state = 'waiting' and queue = %s
    and not exists (select 1 from celeriac_queue where name = %s and paused)
    order by priority desc, job limit %s"""
TAKE = f"""update celeriac_live set state = 'running', child = %s, delivery = delivery + 1 where job in ({PICK})
    returning job, delivery, charges"""
READ = """select l.delivery, l.charges, {columns} from celeriac_live l cross join celeriac_job j on j.number = l.job
    where l.child = %s and l.state = 'running' and l.job in ({marks})"""
ANY_WAITING = """select 1 from celeriac_live where state = 'waiting' and queue = %s limit 1"""

HELD = "select job, delivery, charges from celeriac_live where child = %s and state = 'running'"
END_LIVE = "delete from celeriac_live where job = %s"
END_RECORD = """update celeriac_job set state = %s, trouble = nullif(%s, 'succeeded'), result = %s, started = %s, finished = %s,
    worker = %s, attempts = attempts + %s, charges = %s where number = %s"""

_PLAIN = rows.PLAIN_COLUMNS
_ALL = (*rows.PLAIN_COLUMNS, *rows.OPTIONAL_COLUMNS)


def _insert(columns: Sequence[str], now: str) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    return f"insert or ignore into celeriac_job ({names}, created) values ({', '.join(['%s'] * len(columns))}, {now})"


INSERT_PLAIN = _insert(_PLAIN, NOW)
INSERT_FULL = _insert(_ALL, NOW)
INSERT_MANY_PLAIN = _insert(_PLAIN, "%s")  # the time as a parameter: writing it as text for each row is a fifth of the insert
INSERT_MANY_FULL = _insert(_ALL, "%s")
# By its id: what the connection inserted last may be a row of the project's, of one who writes down all that is executed.
INSERT_LIVE_OF = """insert into celeriac_live (job, queue, priority, state, run_at)
    select number, queue, priority, state, run_at from celeriac_job where id = %s"""
INSERT_LIVE_SINCE = """insert into celeriac_live (job, queue, priority, state, run_at)
    select number, queue, priority, state, run_at from celeriac_job where number > %s"""
LAST_NUMBER = f"select coalesce((select seq from sqlite_sequence where name = 'celeriac_job'), 0), {NOW}"

# A column takes anything, and Django reads no row with a time that is none. What is no time may come after all times, as most
# texts do, or before them, as numbers do.
MISDATED = "enabled = 1 and (next_run = %s or next_run > ':' or next_run < '/')"
AGENDA = f"""select coalesce(
        (select next_run || '' from celeriac_periodic where enabled = 1 and next_run > ':' limit 1),
        (select next_run || ' ' from celeriac_periodic where enabled = 1 and next_run < '/' limit 1),
        (select next_run from celeriac_periodic where enabled = 1 and next_run is not null order by next_run limit 1)),
    exists (select 1 from celeriac_periodic where enabled = 1 and next_run is null), {NOW}"""

CHECKPOINT = 10_000
"""Pages of 4 KB in the log before whoever commits carries them into the file and waits for the disk: SQLite's own 1,000 are
the writes of 200 jobs that are enqueued one by one."""


class SQLiteConnection(OwnConnection):
    """Writes in its turn among the engine's own writers."""

    @cached_property
    def _turnstile(self) -> Turnstile:
        return Turnstile(folder_of(self.alias) / "writers")

    def _start(self) -> None:
        self._turnstile.enter()
        super()._start()

    def _stop(self) -> None:
        self._turnstile.leave()

    def close(self) -> None:
        super().close()
        self._turnstile.close()


class SQLite(TextValues, Dialect):
    """The statements that SQLite wants its own way."""

    vendor = "sqlite"
    one_writer = True
    fragments = {  # noqa: RUF012 - read only, as declared in Dialect
        "now": NOW, "moment": NOW, "ahead": AHEAD, "ago": AGO, "true": "1", "false": "0", "json": "%s", "text": "%s",
        "blob": "%s", "for_update": "", "skip_locked": "",
        # A time of a periodic task as its text: Django's reader refuses the whole answer for one that is none.
        "reading": "", "read": " || ''",
        "until_min_run_at": "(julianday(min(run_at)) - julianday('now')) * 86400.0",
        "parked_by": "{column} = %s", "lock_live": "", "among": "in (select value from json_each(%s))",
        "among_texts": "in (select value from json_each(%s))",
        "insert_new": "insert into", "unless_known": "on conflict do nothing", "most_urgent": "priority desc",
        "record_of_part": "join celeriac_job j on j.number = w.number",
        "live_of_part": "left join celeriac_live l on l.job = w.number",
        "begins": "instr(j.id, %s) = 1", "has_text": "instr(j.task, %s)", "has_bytes": "instr(j.payload, %s)",
    }  # fmt: skip

    statements = {  # noqa: RUF012 - read only, as declared in Dialect
        "agenda": AGENDA,
        "misdated": f"select name from celeriac_periodic where {MISDATED} order by name limit 10",
        "redate": f"update celeriac_periodic set next_run = null where {MISDATED}",
    }

    def connect(self) -> OwnConnection:
        return SQLiteConnection(self.alias, self._options, self._prepare, self.native, "BEGIN IMMEDIATE")

    @staticmethod
    def _options(options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "timeout": PATIENCE}

    @staticmethod
    def _prepare(raw: Any) -> Any:
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=NORMAL")
        raw.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT}")
        return raw.cursor()

    @staticmethod
    def native(sql: str) -> str:
        return sql.replace("%s", "?").replace("%%", "%")

    def among(self, numbers: Sequence[int]) -> str:
        return str(list(numbers))

    def among_texts(self, texts: Sequence[str]) -> str:
        return rows.to_json(texts).decode()

    def push(self, connection: Connection, jobs: Sequence[Job]) -> None:
        with connection.atomic():
            if len(jobs) == 1:
                self._push_one(connection, jobs[0])
                return
            ((before, now),) = connection.fetch(LAST_NUMBER)
            plain = all(map(rows.is_plain, jobs))
            columns = _PLAIN if plain else _ALL
            values = [(*self.values(job, columns), now) for job in jobs]
            connection.run_many(INSERT_MANY_PLAIN if plain else INSERT_MANY_FULL, values)
            connection.run(INSERT_LIVE_SINCE, (before,))

    def _push_one(self, connection: Connection, job: Job) -> None:
        plain = rows.is_plain(job)
        if connection.run(INSERT_PLAIN if plain else INSERT_FULL, self.values(job, _PLAIN if plain else _ALL)):
            connection.run(INSERT_LIVE_OF, (job.id,))

    def claim(self, connection: Connection, queue: str, limit: int, child: str) -> Rows | None:
        # Reading first keeps an idle worker's look from taking the only write lock there is.
        if not connection.fetch(ANY_WAITING, (queue,)):
            return [] if connection.fetch(self.sql["is_alive"], (child,)) else None
        with connection.atomic():
            if not connection.fetch(self.sql["is_alive"], (child,)):
                return None
            taken = connection.fetch(TAKE, (child, queue, queue, limit))
            if not taken:
                return []
            return self._read(connection, child, [row[0] for row in taken])

    def _read(self, connection: Connection, child: str, numbers: list[int]) -> Rows:
        columns = ", ".join(f"j.{column.strip()}" for column in rows.CLAIM_COLUMNS.split(","))
        found: Rows = []
        for start in range(0, len(numbers), 500):  # SQLite's limit on parameters was 999 before 3.32
            part = numbers[start : start + 500]
            found += connection.fetch(READ.format(columns=columns, marks=", ".join(["%s"] * len(part))), (child, *part))
        found.sort(key=lambda row: (-row[7], row[2]))
        return found

    def end(self, connection: Connection, outcomes: Sequence[Outcome]) -> set[Token]:
        # One look at what the child holds fences the whole batch: nothing can change between it and our COMMIT.
        held = {
            Token(number, child, delivery): charges
            for child in {outcome.token.child for outcome in outcomes}
            for number, delivery, charges in connection.fetch(HELD, (child,))
        }
        accepted = {outcome.token: outcome for outcome in reversed(outcomes) if outcome.token in held}
        connection.run_many(END_LIVE, [(token.number,) for token in accepted])
        connection.run_many(END_RECORD, [self._ending(outcome, held[token]) for token, outcome in accepted.items()])
        return set(accepted)

    def _ending(self, outcome: Outcome, charges: int) -> tuple[Any, ...]:
        started, finished = self.time(outcome.started), self.time(outcome.finished)
        state = outcome.state.value
        return (
            state, state, outcome.result, started, finished, outcome.worker, outcome.counts, charges, outcome.token.number,
        )  # fmt: skip
