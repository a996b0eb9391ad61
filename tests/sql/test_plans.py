"""How the database finds what is due: by searching an index for the time, so that what is not due costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import Job, State
from celeriac.models import PeriodicTask
from tests.conformance.conftest import empty, opened
from tests.sql.conftest import POSTGRES

MANY = 300
"""Rows that are not due: with none, there would be nothing to choose."""
EXPLAIN = {"postgresql": "explain (costs off) ", "sqlite": "explain query plan "}
SEARCHED = {
    "postgresql": {
        "due": "Index Cond: (run_at <= ",
        "due_entries": "Index Cond: ((enabled = true) AND (next_run <= ",
        "agenda": "Index Cond: ((enabled = true) AND (next_run IS NOT NULL))",
        "unplanned": "Index Cond: ((enabled = true) AND (next_run IS NULL))",
    },
    "sqlite": {
        "due": "USING INDEX celeriac_live_due (run_at<?)",
        "due_entries": "USING INDEX celeriac_periodic_due (enabled=? AND next_run<?)",
        "agenda": "USING COVERING INDEX celeriac_periodic_due (enabled=? AND next_run>?)",
        "unplanned": "USING INDEX celeriac_periodic_due (enabled=? AND next_run=?)",
    },
}


@pytest.fixture(params=["sqlite", POSTGRES])
def alias(request: pytest.FixtureRequest) -> str:
    """Each database that says which index it searches by what. MariaDB only estimates how much it will read."""
    found: str = request.getfixturevalue(f"{request.param}_alias")
    empty(found)
    return found


@pytest.fixture
def others(alias: str) -> Iterator[SQLBroker]:
    broker = opened(alias)
    yield broker
    broker.close()


@pytest.fixture
def much(alias: str, others: SQLBroker) -> SQLBroker:
    """A database with many scheduled jobs and many periodic tasks, none of them due."""
    later = datetime.now(UTC) + timedelta(days=1)
    scheduled = {"task": "count", "queue": "celery", "payload": b"[]", "state": State.SCHEDULED}
    others.push([Job(id=str(number), run_at=later.timestamp(), **scheduled) for number in range(MANY)])
    PeriodicTask.objects.using(alias).bulk_create(
        [PeriodicTask(name=str(number), kind="crontab", task="count", next_run=later) for number in range(MANY)]
    )
    return others


def plan(broker: SQLBroker, name: str) -> str:
    """Return how the database says that it goes about one of the engine's statements."""
    now = broker.dialect.time(datetime.now(UTC).timestamp())
    params: dict[str, tuple[Any, ...]] = {"agenda": (), "due_entries": (now, 500)}
    found = broker.connection.fetch(EXPLAIN[broker.dialect.vendor] + broker.dialect.sql[name], params.get(name, (500,)))
    return "\n".join(str(row[-1]) for row in found)


@pytest.mark.parametrize("name", SEARCHED["sqlite"])
def test_what_is_due_is_searched_for_and_not_picked_out_of_all(much: SQLBroker, name: str) -> None:
    found = plan(much, name)
    assert SEARCHED[much.dialect.vendor][name] in found
    assert "SCAN celeriac" not in found
    assert "Seq Scan" not in found
