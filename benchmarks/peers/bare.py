"""A bare client that enqueues with the statements of Celeriac and nothing else: the limit of its callers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from benchmarks.peers import celeriac
from benchmarks.peers.djangodatabases import WAL
from benchmarks.place import Place, place
from celeriac.engine.brokers.sql import rows
from celeriac.engine.brokers.sql.sqlite import SQLite
from celeriac.engine.ids import new_id
from celeriac.engine.job import Job

prepare = celeriac.prepare
_enqueue: list[Callable[[Job], object]] = []


def worker() -> list[list[str]]:
    """Nobody: this only enqueues."""
    return []


def enqueue(number: int, text: str) -> None:
    """Enqueue one job."""
    if not _enqueue:
        here = place()
        _enqueue.append(_CLIENTS[here.engine](here))
    _enqueue[0](Job(id=new_id(), task="measured", queue="celery", payload=b'[[%d,"abc"],{}]' % number))


def _plain(job: Job) -> list[Any]:
    return [job.id, job.task, job.queue, job.payload, job.priority, job.state.value]


def _sqlite(here: Place) -> Callable[[Job], object]:
    from celeriac.engine.brokers.sql.sqlite import INSERT_LIVE_OF, INSERT_PLAIN  # each engine has a driver of its own

    db = sqlite3.connect(here.file("site.sqlite3"), timeout=20, isolation_level=None)
    db.executescript(WAL)
    record, live = SQLite.native(INSERT_PLAIN), SQLite.native(INSERT_LIVE_OF)

    def insert(job: Job) -> None:
        db.execute("begin immediate")
        db.execute(record, _plain(job))
        db.execute(live, (job.id,))
        db.execute("commit")

    return insert


def _postgres(here: Place) -> Callable[[Job], object]:
    import psycopg  # each engine has a driver of its own

    from celeriac.engine.brokers.sql.listen import waking
    from celeriac.engine.brokers.sql.postgres import push_and_wake

    db = psycopg.connect(host=here.host, port=here.port, user=here.user, dbname=here.database, autocommit=True)
    cursor, push = db.cursor(), push_and_wake(rows.PLAIN_COLUMNS).encode()
    return lambda job: cursor.execute(push, [*_plain(job), *waking(job.queue)])


def _redis(here: Place) -> Callable[[Job], object]:
    import redis  # each engine has a driver of its own

    from celeriac.engine.brokers.redis.address import Address
    from celeriac.engine.brokers.redis.encoding import packed
    from celeriac.engine.brokers.redis.scripts import digest, source

    client, prefix = redis.Redis.from_url(here.url), Address(here.url).prefix
    client.script_load(source("pushone"))
    evaluate: Callable[..., object] = client.evalsha
    return lambda job: evaluate(digest("pushone"), 1, prefix, job.id, job.queue, job.priority, packed(job))


def _mariadb(here: Place) -> Callable[[Job], object]:
    import MySQLdb  # each engine has a driver of its own

    from celeriac.engine.brokers.sql.mysql import INSERT_LIVE_OF_LAST, INSERT_ONE

    db = MySQLdb.connect(unix_socket=here.host, user=here.user, database=here.database, charset="utf8mb4", autocommit=True)
    cursor, push = db.cursor(), f"begin; {INSERT_ONE[True]}; {INSERT_LIVE_OF_LAST}; commit"

    def insert(job: Job) -> None:
        cursor.execute(push, [*_plain(job), job.queue, job.priority, "waiting", None])
        while cursor.nextset():
            pass

    return insert


_CLIENTS: dict[str, Callable[[Place], Callable[[Job], object]]] = {
    "sqlite": _sqlite, "postgres": _postgres, "valkey": _redis, "redis": _redis, "mariadb": _mariadb,
}  # fmt: skip
assert rows.PLAIN_COLUMNS == ("id", "task", "queue", "payload", "priority", "state"), "what _plain() gives"
