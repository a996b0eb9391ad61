"""The least Python that claims, calls and settles jobs: what any engine on the same server has to be compared with.

Batches of a hundred, a check of the token, a stored result; no leases, no wake-ups, no retries, no logs.
"""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from benchmarks.clocks import clock_in
from benchmarks.peers.base import TEXT
from benchmarks.place import Place, place

BATCH = 100
Claimed = tuple[Any, bytes, int]
"""A job's id, its arguments, and which attempt this is."""
Result = tuple[Any, int, bytes]
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

TABLE = """create table job(id {id} primary key, queue varchar(50), priority int, task varchar(50), payload {blob}, state int,
    created {time}, started {time}, finished {time}, attempt int default 0, worker int, result {blob})"""
INDEX = "create index job_ready on job(queue, state, priority, id)"
INDEX_READY = "create index job_ready on job(queue, priority desc, id) where state = 0"


def payload(number: int) -> bytes:
    """Return the arguments of a job, as they are stored."""
    return _encode([[number, TEXT], {}])


class Engine(Protocol):
    """One server, as this engine uses it."""

    def create(self) -> None:
        """Make the tables."""

    def fill(self, numbers: range) -> None:
        """Put jobs in, in the fastest way there is."""

    def exchange(self, worker: int, results: Sequence[Result]) -> Sequence[Claimed]:
        """Settle a batch and claim the next."""


class SQLite:
    """One transaction a batch."""

    CLAIM = """update job set state = 1, worker = ?, attempt = attempt + 1, started = ? where id in (select id from job
        where state = 0 and queue = 'default' order by priority desc, id limit ?) returning id, payload, attempt"""
    SETTLE = """update job set state = 2, result = ?, finished = ?
        where id = ? and worker = ? and attempt = ? and state = 1"""
    INSERT = "insert into job(id, queue, priority, task, payload, state) values (?, 'default', 0, 'measured', ?, 0)"

    def __init__(self, here: Place) -> None:
        self._db = sqlite3.connect(here.file("minimal.sqlite3"), timeout=30, isolation_level=None)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.execute("pragma wal_autocheckpoint=10000")

    def create(self) -> None:
        """Make the table."""
        self._db.execute(TABLE.format(id="text", blob="blob", time="real"))
        self._db.execute(INDEX_READY)

    def fill(self, numbers: range) -> None:
        """One transaction for all."""
        self._db.execute("begin immediate")
        self._db.executemany(self.INSERT, ((f"{number:032x}", payload(number)) for number in numbers))
        self._db.execute("commit")

    def exchange(self, worker: int, results: Sequence[Result]) -> Sequence[Claimed]:
        """Settle and claim under one lock."""
        self._db.execute("begin immediate")
        now = time.time()
        self._db.executemany(self.SETTLE, [(result, now, id, worker, attempt) for id, attempt, result in results])
        claimed = self._db.execute(self.CLAIM, (worker, now, BATCH)).fetchall()
        self._db.execute("commit")
        return claimed


class Postgres:
    """One statement for what is settled, one for what is claimed."""

    CLAIM = """with c as materialized (select id from job where state = 0 and queue = 'default'
            order by priority desc, id limit %s for update skip locked)
        update job set state = 1, worker = %s, attempt = attempt + 1, started = clock_timestamp() from c
        where job.id = c.id returning job.id, payload, attempt"""
    SETTLE = """update job set state = 2, result = u.result, finished = clock_timestamp()
        from unnest(%s::uuid[], %s::int[], %s::bytea[]) as u(id, attempt, result)
        where job.id = u.id and job.worker = %s and job.attempt = u.attempt and job.state = 1"""

    def __init__(self, here: Place) -> None:
        import psycopg  # each engine has a driver of its own

        self._db = psycopg.connect(
            host=here.host, port=here.port, user=here.user, dbname=here.database, autocommit=True
        )  # fmt: skip
        self._cursor = self._db.cursor(binary=True)

    def create(self) -> None:
        """Make the table."""
        self._db.execute(TABLE.format(id="uuid", blob="bytea", time="timestamptz").encode() + b" with (fillfactor=70)")
        self._db.execute(INDEX_READY)

    def fill(self, numbers: range) -> None:
        """COPY."""
        with self._db.cursor().copy("copy job(id, queue, priority, task, payload, state) from stdin") as copy:
            for number in numbers:
                copy.write_row((uuid.UUID(int=number), "default", 0, "measured", payload(number), 0))

    def exchange(self, worker: int, results: Sequence[Result]) -> Sequence[Claimed]:
        """Settle, then claim; each waits for the disk."""
        if results:
            ids, attempts, values = zip(*results, strict=True)
            self._cursor.execute(self.SETTLE, (list(ids), list(attempts), list(values), worker))
        return self._cursor.execute(self.CLAIM, (BATCH, worker)).fetchall()


class Redis:
    """One script a batch."""

    SCRIPT = """
    local place = 2
    while ARGV[place] do
      if redis.call('HDEL', KEYS[2], ARGV[place]) == 1 then
        redis.call('SET', KEYS[3] .. ARGV[place], ARGV[place + 1], 'EX', 86400)
      end
      place = place + 2
    end
    local jobs = redis.call('RPOP', KEYS[1], tonumber(ARGV[1]))
    if not jobs then return {} end
    local held = {}
    for _, job in ipairs(jobs) do held[#held + 1] = string.sub(job, 1, 16); held[#held + 1] = job end
    redis.call('HSET', KEYS[2], unpack(held))
    return jobs
    """

    def __init__(self, here: Place) -> None:
        import redis  # each engine has a driver of its own

        self._client = redis.Redis.from_url(here.url)
        self._script = self._client.register_script(self.SCRIPT)

    def create(self) -> None:
        """Nothing: a queue is a key."""

    def fill(self, numbers: range) -> None:
        """A thousand jobs a command."""
        for start in range(0, len(numbers), 1_000):
            part = numbers[start : start + 1_000]
            self._client.lpush("queue", *(os.urandom(16) + payload(number) for number in part))

    def exchange(self, worker: int, results: Sequence[Result]) -> Sequence[Claimed]:
        """Settle and claim in one round trip."""
        flat = [part for id, _, result in results for part in (id, result)]
        jobs = self._script(keys=["queue", f"held:{worker}", "result:"], args=[BATCH, *flat])
        return [(job[:16], job[16:], 1) for job in jobs]


class MariaDB:
    """One transaction a batch: lock and read, change by primary key."""

    PICK = """select id, payload, attempt from job where state = 0 and queue = 'default' order by priority, id limit %s
        for update skip locked"""
    INSERT = "insert into job(id, queue, priority, task, payload, state) values (%s, 'default', 0, 'measured', %s, 0)"
    CLAIM = "update job set state = 1, worker = %s, attempt = attempt + 1, started = utc_timestamp(6) where id in %s"
    SETTLE = """update json_table(%s, '$[*]' columns (id bigint path '$[0]', attempt int path '$[1]',
            result varchar(1000) path '$[2]')) u straight_join job j force index (primary) on j.id = u.id
        set j.state = 2, j.result = u.result, j.finished = utc_timestamp(6)
        where j.worker = %s and j.attempt = u.attempt and j.state = 1"""

    def __init__(self, here: Place) -> None:
        import MySQLdb  # each engine has a driver of its own

        self._db = MySQLdb.connect(unix_socket=here.host, user=here.user, database=here.database, charset="utf8mb4")
        self._cursor = self._db.cursor()
        self._cursor.execute("set session transaction isolation level read committed")

    def create(self) -> None:
        """Make the table."""
        self._cursor.execute(TABLE.format(id="bigint", blob="blob", time="datetime(6)"))
        self._cursor.execute(INDEX)

    def fill(self, numbers: range) -> None:
        """Ten thousand rows a transaction."""
        for start in range(0, len(numbers), 10_000):
            part = numbers[start : start + 10_000]
            self._cursor.executemany(self.INSERT, [(number, payload(number)) for number in part])
            self._db.commit()

    def exchange(self, worker: int, results: Sequence[Result]) -> Sequence[Claimed]:
        """Settle and claim in one transaction."""
        if results:
            rows = [(id, attempt, result.decode()) for id, attempt, result in results]
            self._cursor.execute(self.SETTLE, (_encode(rows).decode(), worker))
        self._cursor.execute(self.PICK, (BATCH,))
        picked = self._cursor.fetchall()
        if picked:
            self._cursor.execute(self.CLAIM, (worker, tuple(row[0] for row in picked)))
        self._db.commit()
        return [(id, data, attempt + 1) for id, data, attempt in picked]


ENGINES: dict[str, type[Engine]] = {
    "sqlite": SQLite, "postgres": Postgres, "valkey": Redis, "redis": Redis, "mariadb": MariaDB,
}  # fmt: skip


def engine() -> Engine:
    """Return the engine of this process's place."""
    here = place()
    kind: Any = ENGINES[here.engine]
    made: Engine = kind(here)
    return made


def work(worker: int) -> None:
    """Exchange batches until there is no more."""
    exchange, results = engine().exchange, list[Result]()
    while claimed := exchange(worker, results):
        results = [(id, attempt, _run(data)) for id, data, attempt in claimed]


def _run(data: bytes) -> bytes:
    (number, _text), _kwargs = _decode(data)
    clock_in(number)
    return _encode(number)
