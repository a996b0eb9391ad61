"""What is left of the dead is forgotten after a day, also where a project keeps its jobs for ever."""

from __future__ import annotations

import pytest

from celeriac.engine.brokers.base import Pace
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.clock import SystemClock
from celeriac.engine.keeper.prune import Prune
from celeriac.testing.conformance.scenario import QUEUE, a_child, a_job, a_worker, an_outcome, claim_one

LONG_AGO = "2000-01-01 00:00:00.000000"
TABLES = ("worker", "child", "turn")


def left(broker: SQLBroker) -> dict[str, int]:
    """Return how many rows each table has."""
    return {table: broker.connection.fetch(f"select count(*) from celeriac_{table}")[0][0] for table in TABLES}


def let_time_pass(broker: SQLBroker) -> None:
    for column in ("child set enrolled", "worker set lease", "turn set due"):
        broker.connection.run(f"update celeriac_{column} = %s", (LONG_AGO,))


@pytest.fixture
def dead(others: SQLBroker) -> str:
    """A worker that has run a job with a turn of its own, and left. Returns the job's id."""
    worker = a_worker(others)
    child = a_child(others, worker)
    others.control(Pace("limited", 60.0))
    others.push([a_job("first", task="limited"), a_job("second", task="limited")])
    others.admit(others.claim([QUEUE], 2, child), {})
    others.settle([an_outcome(others.get("first"))])
    others.control(Pace("limited", None))
    others.settle([an_outcome(claim_one(others, child))])
    others.leave(worker)
    return "first"


def test_where_all_jobs_are_kept_the_dead_are_forgotten_all_the_same(others: SQLBroker, dead: str) -> None:
    living = a_worker(others)
    a_child(others, living)
    let_time_pass(others)
    others.renew(living, 60)
    Prune(others, living, {}, SystemClock()).prune()
    assert left(others) == {"worker": 1, "child": 1, "turn": 0}
    assert others.get(dead) is not None


def test_the_dead_of_today_are_kept_for_who_looks_what_happened(others: SQLBroker, dead: str) -> None:
    Prune(others, "keeper", {}, SystemClock()).prune()
    assert (left(others)["worker"], left(others)["child"]) == (1, 1)
