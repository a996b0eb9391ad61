"""MySQL 8 and MariaDB 10.6 or later (mysqlclient, or PyMySQL in its place): SKIP LOCKED, READ COMMITTED, rows locked by key.

Neither has UPDATE ... RETURNING, so what changes is first locked and read, then changed by primary key, in one transaction.
Index hints keep the server from reading, and so locking, more rows than it is asked for: what it believes of a queue's size is
always out of date. Every COMMIT waits for the disk, a claim's too.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.utils import IntegrityError

from celeriac.engine.brokers.sql import rows
from celeriac.engine.brokers.sql.connection import PATIENCE, Connection, OwnConnection, Rows
from celeriac.engine.brokers.sql.dialect import Dialect
from celeriac.engine.brokers.sql.servererrors import is_duplicate
from celeriac.engine.brokers.sql.textvalues import TextValues
from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.job import Job, Token
from celeriac.engine.outcome import Outcome
from celeriac.engine.translation import gettext as _

AT_ONCE = 500
"""Keys in one statement. MariaDB turns a list of over 1000 into a join, and joins read tables."""

BYTES_AT_ONCE = 256 * 1024
"""Of arguments in one statement. max_allowed_packet may be as small as 1 MB, and JSON takes a third more."""

# What an idle worker asks: no transaction, no lock.
LOOK = """select exists (select 1 from celeriac_child where id = %s and alive),
    exists (select 1 from celeriac_live force index (celeriac_live_ready) where state = 'waiting' and queue = %s)
    and not exists (select 1 from celeriac_queue where name = %s and paused)"""
# As on PostgreSQL: a rescue of this child either waits until this claim is committed, and then sees what it took, or comes
# first, and then this claim finds the child dead.
SELF = "select 1 from celeriac_child where id = %s and alive lock in share mode"
PICK = """select job, delivery, charges from celeriac_live force index (celeriac_live_ready)
    where state = 'waiting' and queue = %s order by urgency, job limit %s for update skip locked"""
TAKE = """update celeriac_live force index (primary) set state = 'running', child = %s, delivery = delivery + 1
    where job in %s"""
READ = "select {columns} from celeriac_job where number in %s"

HELD = "select job, child, delivery, charges from celeriac_live force index (primary) where job in %s for update"
END_LIVE = "delete l from celeriac_live l force index (primary) where l.job in %s"
# One statement for a batch, its rows as JSON: MySQL and MariaDB both read a table from that.
END_RECORDS = """update json_table(%s, '$[*]' columns (number bigint path '$[0]', state varchar(10) path '$[1]',
        result longtext path '$[2]', started datetime(6) path '$[3]', finished datetime(6) path '$[4]',
        worker varchar(255) character set utf8mb4 path '$[5]', counts int path '$[6]', charges int path '$[7]')) u
    straight_join celeriac_job j force index (primary) on j.number = u.number
    set j.state = u.state, j.trouble = nullif(u.state, 'succeeded'), j.result = from_base64(u.result), j.started = u.started,
        j.finished = u.finished, j.worker = u.worker, j.attempts = j.attempts + u.counts, j.charges = u.charges"""

_COLUMNS = {True: rows.PLAIN_COLUMNS, False: (*rows.PLAIN_COLUMNS, *rows.OPTIONAL_COLUMNS)}
_KINDS = {"priority": "int", "position": "int", "attempts": "int", **dict.fromkeys(rows.TIMES, "datetime(6)")}
_TEXT = "longtext character set utf8mb4"  # else it has that of the database, which may be latin1
_SAVEPOINT = "celeriac_push"


def _insert_one(columns: Sequence[str]) -> str:
    names = ", ".join(f"`{column}`" for column in columns)
    return f"insert into celeriac_job ({names}, created) values ({', '.join(['%s'] * len(columns))}, utc_timestamp(6))"


def _insert_many(columns: Sequence[str]) -> str:
    # Text as long as it likes in between: what does not fit its column is then refused by the INSERT, not made null.
    kinds = [f"`{name}` {_KINDS.get(name, _TEXT)} path '$[{place}]'" for place, name in enumerate(columns)]
    values = ", ".join("from_base64(u.payload)" if name == "payload" else f"u.`{name}`" for name in columns)
    return f"""insert into celeriac_job ({", ".join(f"`{name}`" for name in columns)}, created)
        select {values}, utc_timestamp(6) from json_table(%s, '$[*]' columns ({", ".join(kinds)})) u"""


INSERT_ONE = {plain: _insert_one(columns) for plain, columns in _COLUMNS.items()}
INSERT_MANY = {plain: _insert_many(columns) for plain, columns in _COLUMNS.items()}
# Only in one text with the INSERT of the record: what the connection inserted last may be a row of the project's, of one who
# writes down all that is executed.
INSERT_LIVE_OF_LAST = """insert into celeriac_live (job, queue, priority, state, run_at)
    values (last_insert_id(), %s, %s, %s, %s)"""
INSERT_LIVE_OF = """insert into celeriac_live (job, queue, priority, state, run_at)
    select number, queue, priority, state, run_at from celeriac_job where id in %s"""


class MySQL(TextValues, Dialect):
    """The statements that MySQL and MariaDB want their own way."""

    vendor = "mysql"
    fragments = {  # noqa: RUF012 - read only, as declared in Dialect
        "now": "utc_timestamp(6)", "ahead": "utc_timestamp(6) + interval %s second",
        "ago": "utc_timestamp(6) - interval %s second",
        "true": "1", "false": "0", "json": "%s", "text": "%s", "blob": "%s",
        "for_update": "for update", "skip_locked": "for update skip locked", "lock_live": "for update skip locked",
        "reading": "", "read": "",
        "until_min_due_at": "timestampdiff(microsecond, utc_timestamp(6), min(due_at)) / 1e6", "parked_by": "{column} = %s",
        "among": "in %s", "among_texts": "in %s", "insert_new": "insert ignore into", "unless_known": "",
        "most_urgent": "urgency",
        "record_of_part": "join celeriac_job j on j.number = w.number",
        "live_of_part": "left join celeriac_live l on l.job = w.number",
        "begins": "locate(%s, j.id) = 1", "has_text": "locate(%s, j.task) > 0", "has_bytes": "locate(%s, j.payload) > 0",
    }  # fmt: skip
    statements = {  # noqa: RUF012 - read only, as declared in Dialect
        "join": """insert into celeriac_worker
            (id, name, host, pid, pool, concurrency, queues, version, started, lease, alive)
            values (%s, %s, %s, %s, %s, %s, {json}, %s, {now}, {ahead}, {true})
            on duplicate key update lease = values(lease)""",
        "enrol": """insert into celeriac_child (id, worker, alive, enrolled)
            select {text}, id, {true}, {now} from celeriac_worker where id = %s and alive
            on duplicate key update worker = values(worker)""",
        "give_turn": """insert into celeriac_turn (job, task, attempt, due) values (%s, %s, %s, %s)
            on duplicate key update attempt = values(attempt), due = values(due)""",
        "due": """select job, queue from celeriac_live force index (celeriac_live_due) where due_at <= {now}
            order by due_at limit %s {skip_locked}""",
        # Who waits asks often, so the second time is to write nothing.
        "await": """insert ignore into celeriac_waiter (job) select j.number from celeriac_job j
            where j.id = %s and not exists (select 1 from celeriac_waiter w where w.job = j.number)""",
        "next_due": "select {until_min_due_at} from celeriac_live where due_at is not null",
    }  # fmt: skip

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        self._read = self.quoted(READ.format(columns=rows.CLAIM_COLUMNS))

    @staticmethod
    def quoted(sql: str) -> str:
        return sql.replace('"', "`")

    def connect(self) -> OwnConnection:
        return OwnConnection(self.alias, self._options, self._prepare, self.native, "BEGIN")

    @staticmethod
    def _options(options: dict[str, Any]) -> dict[str, Any]:
        patience = int(PATIENCE)
        waits = {"connect_timeout": patience, "read_timeout": 2 * patience, "write_timeout": 2 * patience}
        return {**waits, **options, "isolation_level": "read committed", "charset": "utf8mb4"}

    @staticmethod
    def _prepare(raw: Any) -> Any:
        check_version(raw.get_server_info())
        cursor = raw.cursor()
        cursor.execute(
            f"set session innodb_lock_wait_timeout = {int(PATIENCE)}, session sql_mode = 'STRICT_TRANS_TABLES',"
            " session time_zone = '+00:00'"
            # Else a client that is gone without a word keeps its locks for hours. MySQL has no such timeout.
            f" /*M! , session idle_transaction_timeout = {int(2 * PATIENCE)} */"
        )
        return cursor

    def among(self, numbers: Sequence[int]) -> Any:
        return tuple(numbers)  # both drivers write it as a list in parentheses

    def among_texts(self, texts: Sequence[str]) -> Any:
        return tuple(texts)

    # -- push --------------------------------------------------------------------------------------------------------------

    def push(self, connection: Connection, jobs: Sequence[Job]) -> None:
        if len(jobs) == 1 and self._push_alone(connection, jobs[0]):
            return
        with connection.atomic():
            for part in _portions(jobs):
                if len(part) == 1 or not self._push_all(connection, part):
                    for job in part:
                        self._push_one(connection, job)

    def _push_alone(self, connection: Connection, job: Job) -> bool:
        """Insert one job in one trip. Returns False, with nothing done, where that cannot be."""
        plain = rows.is_plain(job)
        record = (INSERT_ONE[plain], self.values(job, _COLUMNS[plain]))
        live = (INSERT_LIVE_OF_LAST, (job.queue, job.priority, job.state.value, self.time(job.run_at)))
        try:
            return connection.at_once(record, live)
        except IntegrityError as error:  # the record's, as a rule, and then what comes after it is not begun
            if not is_duplicate(error) or not connection.fetch(self.sql["numbers"], (job.id,)):
                raise
            return True

    def _push_all(self, connection: Connection, jobs: Sequence[Job]) -> bool:
        """Insert them together. Returns False, with nothing done, where one of them is there already."""
        plain = all(map(rows.is_plain, jobs))
        connection.run(f"savepoint {_SAVEPOINT}")
        try:
            connection.run(INSERT_MANY[plain], (rows.to_json([self.values(job, _COLUMNS[plain]) for job in jobs]).decode(),))
        except IntegrityError as error:
            if not is_duplicate(error):
                raise
            connection.run(f"rollback to savepoint {_SAVEPOINT}")
            return False
        connection.run(INSERT_LIVE_OF, (tuple(job.id for job in jobs),))
        return True

    def _push_one(self, connection: Connection, job: Job) -> None:
        plain = rows.is_plain(job)
        try:
            connection.run(INSERT_ONE[plain], self.values(job, _COLUMNS[plain]))
        except IntegrityError as error:
            if not is_duplicate(error):
                raise
            return
        connection.run(INSERT_LIVE_OF, ((job.id,),))

    # -- claim -------------------------------------------------------------------------------------------------------------

    def claim(self, connection: Connection, queue: str, limit: int, child: str) -> Rows | None:
        alive, waiting = connection.fetch(LOOK, (child, queue, queue))[0]
        if not alive:
            return None
        if not waiting:
            return []
        with connection.atomic():
            if not connection.fetch(SELF, (child,)):
                return None
            taken = {row[0]: row for row in connection.fetch(PICK, (queue, limit))}
            if not taken:
                return []
            found: Rows = []
            for numbers in _parts(list(taken)):
                connection.run(TAKE, (child, numbers))
                found += connection.fetch(self._read, (numbers,))
        order = {number: place for place, number in enumerate(taken)}
        found.sort(key=lambda row: order[row[0]])
        return [(taken[row[0]][1] + 1, taken[row[0]][2], *row) for row in found]

    # -- settle ------------------------------------------------------------------------------------------------------------

    def end(self, connection: Connection, outcomes: Sequence[Outcome]) -> set[Token]:
        accepted: set[Token] = set()
        by_token = {outcome.token: outcome for outcome in reversed(outcomes)}
        for numbers in _parts(sorted({token.number for token in by_token})):
            charges = {Token(*row[:3]): row[3] for row in connection.fetch(HELD, (numbers,))}
            held = [token for token in charges if token in by_token]
            if held:
                connection.run(END_LIVE, (tuple(token.number for token in held),))
                endings = [self._ending(by_token[token], charges[token]) for token in held]
                connection.run(END_RECORDS, (rows.to_json(endings).decode(),))
                accepted.update(held)
        return accepted

    def _ending(self, outcome: Outcome, charges: int) -> list[Any]:
        result = b64encode(outcome.result).decode() if outcome.result is not None else None
        started, finished = self.time(outcome.started), self.time(outcome.finished)
        return [
            outcome.token.number, outcome.state.value, result, started, finished, outcome.worker, int(outcome.counts), charges,
        ]  # fmt: skip


def _portions(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Yield jobs in portions for one statement each, which has a longest packet. A big job is one by itself."""
    portion: list[Job] = []
    size = 0
    for job in jobs:
        size += len(job.payload)
        if portion and (len(portion) == AT_ONCE or size > BYTES_AT_ONCE):
            yield portion
            portion, size = [], len(job.payload)
        portion.append(job)
    if portion:
        yield portion


def _parts(numbers: Sequence[int]) -> list[tuple[int, ...]]:
    return [tuple(numbers[start : start + AT_ONCE]) for start in range(0, len(numbers), AT_ONCE)]


def check_version(server: str) -> None:
    """Raise ``ImproperlyConfigured`` for a server without SKIP LOCKED and JSON_TABLE. ``server``: what it calls itself."""
    maria = "mariadb" in server.lower()
    found = re.search(r"(\d+)\.(\d+)", server.removeprefix("5.5.5-"))  # MariaDB's own mask for old replicas
    needed = (10, 6) if maria else (8, 0)
    if found is None or (int(found[1]), int(found[2])) < needed:
        raise ImproperlyConfigured(
            _(
                "The database server is {server}; Celeriac needs MySQL 8.0 or MariaDB 10.6 or later, for SKIP LOCKED. Upgrade"
                ' it, or keep the jobs in another database: CELERY_BROKER_URL = "django://<alias>".'
            ).format(server=server)
        )
