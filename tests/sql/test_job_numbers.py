"""A live job's number is the key of its table, also where the table is older than that."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connections

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.testing.conformance.scenario import QUEUE, a_child, claim_one, ids, some_jobs
from tests.conformance.conftest import opened

INDEXES = "select count(*) from pragma_index_list('celeriac_live') where origin = 'pk'"


def migrate(alias: str, to: str) -> None:
    call_command("migrate", "celeriac", to, database=alias, verbosity=0)
    connections[alias].close()


@pytest.mark.parametrize("alias", ["sqlite"], indirect=True)
def test_sqlite_needs_no_index_beside_the_table_and_an_older_table_is_changed_with_what_is_in_it(
    alias: str, caller: SQLBroker
) -> None:
    assert caller.connection.fetch(INDEXES) == [(0,)]
    migrate(alias, "0005")
    assert caller.connection.fetch(INDEXES) == [(1,)]
    jobs = some_jobs(3)
    caller.push(jobs)
    worker = opened(alias)
    running = claim_one(worker, child := a_child(worker))
    worker.close()
    migrate(alias, "0006")
    assert caller.connection.fetch(INDEXES) == [(0,)]
    worker = opened(alias)
    assert worker.held(child) == {running.token}
    assert ids(worker.claim([QUEUE], 10, child)) == ids(jobs[1:])
    worker.close()
