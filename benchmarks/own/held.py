"""Claims while a transaction that is older than all of the queue stays open."""

from __future__ import annotations

import time
from typing import Any

import psycopg

from benchmarks.own import child as measuring
from benchmarks.peers.base import TEXT
from benchmarks.peers.celeriac_site.tasks import measured
from benchmarks.place import place

JOBS_A_SECOND = 200


def percentiles(seconds: float, last: float) -> dict[str, float]:
    """Push, claim and settle jobs one by one for so many seconds; return the claims of the ``last`` ones."""
    with _old_transaction():
        child, claims, begun = measuring.Child(), [], time.monotonic()
        for number in range(int(seconds * JOBS_A_SECOND)):
            time.sleep(max(0.0, begun + number / JOBS_A_SECOND - time.monotonic()))
            measured.delay(number, TEXT)
            jobs, milliseconds = child.claim(1)
            claims.append(milliseconds)
            child.settle(jobs)
    return measuring.percentiles(claims[-int(last * JOBS_A_SECOND) :])


def _old_transaction() -> psycopg.Connection[Any]:
    """Return a connection whose transaction sees the database as it is now, until it is closed."""
    here = place()
    connection = psycopg.connect(host=here.host, port=here.port, user=here.user, dbname=here.database)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.execute("select count(*) from celeriac_job")
    return connection
