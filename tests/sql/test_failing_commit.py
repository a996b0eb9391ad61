"""A COMMIT that fails leaves no transaction open behind it: neither on the caller's connection nor on a worker's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from django.db import IntegrityError

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.testing.conformance.scenario import some_jobs
from tests.conformance.conftest import empty

# SQLite looks at such a reference when it commits, and leaves the transaction open where nothing is there.
TABLE = "create table child_of_none (parent references celeriac_job (number) deferrable initially deferred)"


@pytest.fixture(params=["caller", "worker"])
def broker(request: pytest.FixtureRequest, sqlite_alias: str) -> Iterator[SQLBroker]:
    empty(sqlite_alias)
    with closing(SQLBroker(sqlite_alias, private=request.param == "worker")) as broker:
        broker.connection.run("pragma foreign_keys = on")
        broker.connection.run(TABLE)
        yield broker
        broker.connection.run("drop table child_of_none")


def test_what_follows_a_commit_that_failed_is_not_part_of_it(broker: SQLBroker) -> None:
    with pytest.raises(IntegrityError), broker.connection.atomic():
        broker.connection.run("insert into child_of_none values (%s)", (-1,))
    jobs = some_jobs(2)
    broker.push(jobs)
    assert {job.id for job in broker.find({}, 10)} == {job.id for job in jobs}
    assert broker.connection.fetch("select count(*) from child_of_none") == [(0,)]
