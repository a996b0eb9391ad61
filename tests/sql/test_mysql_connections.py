"""MariaDB's and MySQL's connections: isolation, locks that nobody waits for, and what the server closes under our feet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.brokers.sql.connection import Connection, OwnConnection
from celeriac.engine.errors import BrokerUnavailable
from celeriac.testing.conformance.scenario import PATIENCE, QUEUE, a_child, a_job, an_outcome, ids, some_jobs
from celeriac.testing.mariadb import MariaDBServer
from tests.chaos.ledger import wait_for
from tests.conformance.conftest import database, opened

pytestmark = [pytest.mark.mariadb, pytest.mark.parametrize("alias", ["mariadb"], indirect=True)]

NEVER_WAIT = "set session innodb_lock_wait_timeout = 1"  # 0 is refused at the COMMIT by MariaDB 10.11
LET_IT_LOOK_ANEW = "select sleep(0.12)"  # it does not where somebody has asked within a tenth of a second
ISOLATION = "select trx_isolation_level from information_schema.innodb_trx where trx_mysql_thread_id = %s"
ALIVE = "select 1 from information_schema.processlist where id = %s"


@pytest.fixture
def rival(others: SQLBroker) -> Iterator[OwnConnection]:
    """Somebody else's connection."""
    rival = others.dialect.connect()
    yield rival
    rival.close()


@pytest.fixture(params=["caller", "worker"])
def broker(request: pytest.FixtureRequest, alias: str) -> Iterator[SQLBroker]:
    """A broker on Django's own connection, then one on a private one."""
    broker = SQLBroker(alias, private=request.param == "worker")
    yield broker
    broker.close()


def number_of(connection: Connection) -> int:
    """Return what the server calls a connection."""
    return int(connection.fetch("select connection_id()")[0][0])


def closed_by_the_server(connection: Connection, others: SQLBroker, how: str) -> None:
    """Have the server close a connection that does nothing: by an administrator, or after its time."""
    number = number_of(connection)
    if how == "killed":
        others.connection.run("kill connection %s", (number,))
    else:
        connection.run("set session wait_timeout = 1")
    wait_for(lambda: not others.connection.fetch(ALIVE, (number,)), "the connection to be closed", PATIENCE)


# -- locks ---------------------------------------------------------------------------------------------------------------------


def test_who_claims_never_waits_for_another_claim_and_takes_the_jobs_behind_it(others: SQLBroker, rival: OwnConnection) -> None:
    jobs = some_jobs(4)
    others.push(jobs)
    one, two = a_child(others), a_child(others)
    others.connection.run(NEVER_WAIT)
    with rival.atomic():
        first = others.dialect.claim(rival, QUEUE, 2, one)
        assert ids(others.claim([QUEUE], 10, two)) == ids(jobs[2:])
    assert first is not None
    assert [row[3] for row in first] == ids(jobs[:2])


def test_a_push_and_a_settle_never_wait_for_a_claim(others: SQLBroker, rival: OwnConnection) -> None:
    others.push(some_jobs(2))
    [held] = others.claim([QUEUE], 1, a_child(others))
    claiming = a_child(others)
    others.connection.run(NEVER_WAIT)
    with rival.atomic():
        assert others.dialect.claim(rival, QUEUE, 10, claiming)
        others.push(some_jobs(3))
        assert others.settle([an_outcome(held)]) == set()


# -- isolation -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def repeatable(alias: str, mariadb: MariaDBServer) -> Iterator[str]:
    """The same database, for a project that reads the same twice."""
    name = connections.databases[alias]["NAME"]
    options = {"isolation_level": "repeatable read"}
    with database("repeatable", **mariadb.params, NAME=name, OPTIONS=options) as strict:
        yield strict


@pytest.mark.parametrize("private", [False, True])
def test_the_engines_transactions_read_what_is_committed_whatever_the_project_does(
    repeatable: str, others: SQLBroker, private: bool
) -> None:
    broker = SQLBroker(repeatable, private)

    def isolation() -> str:
        broker.dialect.push(broker.connection, [a_job()])
        others.connection.fetch(LET_IT_LOOK_ANEW)
        found: str = others.connection.fetch(ISOLATION, (number_of(broker.connection),))[0][0]
        return found

    assert broker.in_transaction(isolation) == "READ COMMITTED"
    if not private:
        with transaction.atomic(using=repeatable):
            assert isolation() == "REPEATABLE READ", "the project's own transaction is as the project wants it"
    broker.close()


def test_a_job_that_is_enqueued_alone_is_in_such_a_transaction_too(repeatable: str) -> None:
    broker = SQLBroker(repeatable)
    broker.push([a_job()])  # from here on, the connection is open
    with CaptureQueriesContext(connections[repeatable]) as asked:
        broker.push([a_job()])
    first, second, *_ = asked.captured_queries[0]["sql"].split("; ")
    assert (first, second) == ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "BEGIN")


# -- what the server closes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["killed", "idle"])
def test_a_connection_that_the_server_has_closed_is_made_anew_and_nobody_notices(
    alias: str, broker: SQLBroker, others: SQLBroker, how: str
) -> None:
    broker.push([a_job(id="before")])
    closed_by_the_server(broker.connection, others, how)
    broker.push([a_job(id="after")])
    assert ids(others.claim([QUEUE], 10, a_child(others))) == ["before", "after"]
    closed_by_the_server(broker.connection, others, how)
    assert broker.get("after") is not None


def test_a_transaction_whose_connection_was_closed_is_lost_whole_and_says_so(
    alias: str, caller: SQLBroker, others: SQLBroker
) -> None:
    with pytest.raises(BrokerUnavailable, match="did not answer"), transaction.atomic(using=alias):
        caller.push([a_job(id="before")])
        closed_by_the_server(caller.connection, others, "killed")
        caller.push([a_job(id="after")])
    caller.push([a_job(id="anew")])
    assert [others.get(id) is not None for id in ("before", "after", "anew")] == [False, False, True]


def test_a_server_that_is_away_is_said_to_be_and_found_again(alias: str, django_db_blocker: object) -> None:
    with MariaDBServer() as server:
        server.create("away")
        with database("away", **server.params, NAME="away") as place:
            caller, worker = SQLBroker(place), opened(place)
            server.interrupt()
            for broker in (caller, worker):
                with pytest.raises(BrokerUnavailable, match="'away' did not answer"):
                    broker.push([a_job()])
            server.start()
            caller.push([a_job(id="one")])
            worker.push([a_job(id="two")])
            assert ids(worker.claim([QUEUE], 10, a_child(worker))) == ["one", "two"]
            worker.close()
