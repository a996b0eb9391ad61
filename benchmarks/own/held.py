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
MOST = 100
"""Jobs of one claim: where a claim takes longer than the next job takes to come, there are several."""


def percentiles(seconds: float, last: float) -> dict[str, float]:
    """Push jobs; claim and settle what is there, as a child does. Return how long the claims of the ``last`` seconds took."""
    pushed = 0
    claims: list[float] = []
    with _old_transaction():
        child, begun = measuring.Child(), time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            while pushed < int(passed * JOBS_A_SECOND):
                pushed += 1
                measured.delay(pushed, TEXT)
            jobs, milliseconds = child.claim(MOST)
            claims += [milliseconds] if passed >= seconds - last else []
            child.settle(jobs)
            time.sleep(max(0.0, begun + (pushed + 1) / JOBS_A_SECOND - time.monotonic()))
    return measuring.percentiles(claims)


def _old_transaction() -> psycopg.Connection[Any]:
    """Return a connection whose transaction sees the database as it is now, until it is closed."""
    here = place()
    connection = psycopg.connect(host=here.host, port=here.port, user=here.user, dbname=here.database)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.execute("select count(*) from celeriac_job")
    return connection
