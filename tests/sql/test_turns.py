"""The tables of the rate limits do not grow."""

from __future__ import annotations

from django.db import connections

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import State
from celeriac.testing.conformance.rates import HOURLY, LIMITED
from celeriac.testing.conformance.scenario import QUEUE, a_child, ids, some_jobs


def rows_of(alias: str, table: str) -> list[int]:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"select job from celeriac_{table} order by job")
        return [row[0] for row in cursor.fetchall()]


def test_turns_of_jobs_that_are_over_are_pruned_and_those_to_come_are_kept(
    alias: str, caller: SQLBroker, others: SQLBroker
) -> None:
    child = a_child(others)
    jobs = some_jobs(3, task=LIMITED)
    others.push(jobs)
    others.admit(others.claim([QUEUE], 3, child), HOURLY)
    turns = rows_of(alias, "turn")
    assert len(turns) == 2
    with connections[alias].cursor() as cursor:
        long_ago = "2020-01-01 00:00:00+00:00" if connections[alias].vendor == "postgresql" else "2020-01-01 00:00:00.000000"
        cursor.execute("update celeriac_turn set due = %s", [long_ago])
        cursor.execute("delete from celeriac_live where job = %s", [turns[0]])  # as when the job has ended
    others.prune({State.SUCCEEDED: 0.0}, 10)
    assert rows_of(alias, "turn") == turns[1:]
    assert ids(others.find({"task": LIMITED}, 5)) == ids(jobs)[::-1]
