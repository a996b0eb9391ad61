"""Who is gone without a word, server or client, is given up by the other."""

from __future__ import annotations

import os
import signal
import time

import pytest

from celeriac.engine.brokers.sql import mysql, postgres
from celeriac.engine.errors import BrokerUnavailable
from celeriac.testing.conformance.scenario import some_jobs
from tests.chaos.ledger import wait_for
from tests.conformance.conftest import opened


@pytest.mark.postgres
@pytest.mark.parametrize("alias", ["postgres"], indirect=True)
def test_a_statement_that_a_standing_server_never_answers_is_given_up_and_the_next_one_works(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE", 0.2)
    broker = opened(alias)
    (number,) = broker.connection.fetch("select pg_backend_pid()")[0]
    begun = time.monotonic()
    os.kill(number, signal.SIGSTOP)
    try:
        with pytest.raises(BrokerUnavailable, match=r"no answer within 1\.4 s"):
            broker.counts()
    finally:
        os.kill(number, signal.SIGCONT)
    assert time.monotonic() - begun > 1.4
    jobs = some_jobs(2)
    broker.push(jobs)
    assert all(broker.get(job.id) for job in jobs)
    broker.close()


@pytest.mark.mariadb
@pytest.mark.parametrize("alias", ["mariadb"], indirect=True)
def test_a_transaction_whose_client_says_nothing_more_is_ended_by_mariadb_and_its_locks_with_it(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mysql, "PATIENCE", 0.5)
    gone, other = opened(alias), opened(alias)
    gone.connection.run("begin")
    gone.connection.fetch("select get_lock('of the gone', 0)")
    free = "select is_free_lock('of the gone')"
    wait_for(lambda: other.connection.fetch(free)[0][0] == 1, "the silent client to be given up")
    gone.close()
    other.close()
