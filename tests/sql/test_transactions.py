"""A job is part of the caller's transaction: there when that commits, and only then."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from celeriac import Celery
from celeriac.engine.brokers.base import Cancel
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.brokers.sql.connection import OwnConnection
from celeriac.engine.brokers.sql.listen import LAST_LOOK, waking
from celeriac.engine.brokers.sql.postgres import MANY, push_and_wake
from celeriac.engine.brokers.sql.rows import PLAIN_COLUMNS
from celeriac.engine.errors import BrokerUnavailable, DatabaseLocked, SchemaMissing
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Outcome
from celeriac.testing.conformance.notifier import QUIET, woken
from celeriac.testing.conformance.scenario import PATIENCE, QUEUE, a_child, a_job, claim_one, known, some_jobs, start, state_of
from celeriac.testing.mariadb import MariaDBServer
from celeriac.testing.servers import MISSING, PostgresServer, postgres_home
from tests.chaos.ledger import wait_for
from tests.conformance.conftest import database, empty, opened
from tests.sql import conftest

SQLITE = "django.db.backends.sqlite3"
POSTGRES = "django.db.backends.postgresql"
MakeAlias = Callable[..., str]
Test = TypeVar("Test", bound=Callable[..., None])


def on_postgres(test: Test) -> Test:
    """Run a test on PostgreSQL alone."""
    return pytest.mark.postgres(pytest.mark.parametrize("alias", ["postgres"], indirect=True)(test))


class Undo(Exception):
    """Leaves a transaction so that it rolls back."""


@contextmanager
def rolled_back(alias: str) -> Iterator[None]:
    """A transaction, or a savepoint inside one, that does not last."""
    with pytest.raises(Undo), transaction.atomic(using=alias):
        yield
        raise Undo


def rows(broker: SQLBroker) -> tuple[int, int]:
    """Return how many records and how many live rows there are."""
    records, live = broker.connection.fetch("select (select count(*) from celeriac_job), (select count(*) from celeriac_live)")[
        0
    ]
    return records, live


# -- commit and rollback -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 3])
def test_a_job_is_there_for_others_when_the_transaction_commits_and_not_before(
    alias: str, caller: SQLBroker, others: SQLBroker, number: int
) -> None:
    jobs = some_jobs(number)
    with transaction.atomic(using=alias):
        caller.push(jobs)
        assert rows(others) == (0, 0)
    assert rows(others) == (number, number)
    assert {state_of(others, job) for job in jobs} == {State.WAITING}


def test_whoever_enqueued_a_job_sees_it_before_the_commit(alias: str, caller: SQLBroker) -> None:
    job = a_job()
    with transaction.atomic(using=alias):
        caller.push([job])
        assert state_of(caller, job) is State.WAITING


def test_a_rollback_leaves_nothing_of_a_job(alias: str, caller: SQLBroker, others: SQLBroker) -> None:
    with rolled_back(alias):
        caller.push(some_jobs(2))
    assert rows(others) == (0, 0)


def test_a_savepoint_that_is_rolled_back_takes_its_jobs_with_it_and_leaves_the_others(
    alias: str, caller: SQLBroker, others: SQLBroker
) -> None:
    kept, undone = some_jobs(2)
    with transaction.atomic(using=alias):
        caller.push([kept])
        with rolled_back(alias):
            caller.push([undone])
    assert state_of(others, kept) is State.WAITING
    assert others.get(undone.id) is None
    assert rows(others) == (1, 1)


def test_a_repeated_push_inside_a_transaction_is_harmless(alias: str, caller: SQLBroker, others: SQLBroker) -> None:
    job = a_job()
    caller.push([job])
    with transaction.atomic(using=alias):
        caller.push([job])
    assert rows(others) == (1, 1)


@pytest.mark.parametrize("number", [1, 3])
def test_a_push_outside_a_transaction_writes_record_and_live_row_or_neither(
    alias: str, caller: SQLBroker, others: SQLBroker, number: int
) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("alter table celeriac_live rename to elsewhere")
    try:
        with pytest.raises(SchemaMissing):
            caller.push(some_jobs(number))
    finally:
        with connections[alias].cursor() as cursor:
            cursor.execute("alter table elsewhere rename to celeriac_live")
    assert rows(others) == (0, 0)
    caller.push(some_jobs(number))
    assert rows(others) == (number, number)


def test_a_cancellation_joins_the_transaction(alias: str, caller: SQLBroker, others: SQLBroker) -> None:
    job = a_job()
    caller.push([job])
    with rolled_back(alias):
        assert caller.control(Cancel((job.id,))) == 1
        assert state_of(others, job) is State.WAITING
    assert state_of(others, job) is State.WAITING
    with transaction.atomic(using=alias):
        assert caller.control(Cancel((job.id,))) == 1
        assert state_of(others, job) is State.WAITING
    assert state_of(others, job) is State.CANCELLED


def test_waiting_inside_the_transaction_that_enqueued_says_that_it_would_never_end(alias: str, caller: SQLBroker) -> None:
    job = a_job()
    with transaction.atomic(using=alias):
        caller.push([job])
        with pytest.raises(Exception, match=r"was enqueued inside this transaction.*Leave the atomic\(\) block first"):
            caller.wait(job.id, PATIENCE)


@pytest.mark.parametrize("inside", [True, False], ids=["in a transaction", "alone"])
def test_of_very_many_jobs_those_that_are_known_are_left_alone(
    alias: str, caller: SQLBroker, others: SQLBroker, inside: bool
) -> None:
    caller.push([a_job(id="known", queue="first")])
    jobs = [a_job(id="known"), *some_jobs(MANY), twice := a_job(id="twice"), twice]
    with transaction.atomic(using=alias) if inside else nullcontext():
        caller.push(jobs)
    assert others.backlog(QUEUE, 1000) == MANY + 1
    assert others.backlog("first", 1000) == 1


# -- waking ------------------------------------------------------------------------------------------------------------------


def an_idle_child(broker: SQLBroker) -> str:
    child = a_child(broker)
    broker.notifier().arm(child, [QUEUE])
    return child


def test_nobody_is_woken_before_the_commit_and_an_idle_child_after_it(alias: str, caller: SQLBroker, others: SQLBroker) -> None:
    child = an_idle_child(others)
    with transaction.atomic(using=alias):
        caller.push([a_job()])
        assert not others.notifier().drain()
    assert woken(others.notifier())
    assert len(others.claim([QUEUE], 10, child)) == 1


def test_a_rollback_wakes_nobody(alias: str, caller: SQLBroker, others: SQLBroker) -> None:
    an_idle_child(others)
    with CaptureQueriesContext(connections[alias]) as asked, rolled_back(alias):
        caller.push([a_job()])
    assert not others.notifier().drain()
    assert not [query for query in asked.captured_queries if "pg_notify" in query["sql"]]


@on_postgres
def test_a_transaction_that_stays_open_does_not_keep_an_idle_child_from_others(
    alias: str, caller: SQLBroker, others: SQLBroker
) -> None:
    an_idle_child(others)
    third = opened(alias)
    with transaction.atomic(using=alias):
        caller.push([a_job()])
        third.push([a_job()])
        assert woken(others.notifier())
    third.close()


@on_postgres
def test_a_job_that_is_enqueued_alone_and_its_wake_up_are_one_statement(
    alias: str, caller: SQLBroker, others: SQLBroker
) -> None:
    child = an_idle_child(others)
    with CaptureQueriesContext(connections[alias]) as asked:
        caller.push([a_job()])
    assert len(asked.captured_queries) == 1
    assert woken(others.notifier())
    assert len(others.claim([QUEUE], 10, child)) == 1


@on_postgres
def test_who_goes_idle_while_a_push_is_under_way_finds_the_job_at_one_of_its_looks(
    alias: str, caller: SQLBroker, others: SQLBroker
) -> None:
    pushing, child, job = opened(alias), a_child(others), a_job()
    notifier = others.notifier()
    with pushing.connection.atomic():  # the statement is over, its COMMIT is not: the disk is slow
        values = [getattr(job, column) for column in PLAIN_COLUMNS]
        pushing.connection.run(push_and_wake(PLAIN_COLUMNS), (*values, *waking(QUEUE)))
        notifier.arm(child, [QUEUE])
        assert not others.claim([QUEUE], 10, child)
        pauses = [notifier.poll_every for _ in range(4) if not notifier.changed()]
    assert pauses == sorted(set(pauses)), "it looks less and less often"
    assert max(pauses) < QUIET
    assert not notifier.drain()
    assert notifier.changed()
    pushing.close()


@on_postgres
def test_who_goes_idle_stops_looking_when_nothing_of_then_is_under_way(
    alias: str, caller: SQLBroker, others: SQLBroker
) -> None:
    child, notifier = a_child(others), others.notifier()

    def looks() -> int:
        notifier.arm(child, [QUEUE])
        number = 0
        while notifier.poll_every < LAST_LOOK:
            assert not notifier.changed()
            number += 1
        notifier.disarm(child)
        return number

    wait_for(lambda: looks() == 2, "two looks: the server's own transactions may be under way at some", PATIENCE)


@on_postgres
def test_a_job_that_somebody_has_locked_rouses_an_idle_child_once(alias: str, caller: SQLBroker, others: SQLBroker) -> None:
    caller.push([job := a_job()])
    child, notifier = a_child(others), others.notifier()
    with transaction.atomic(using=alias):
        caller.control(Cancel(ids=(job.id,)))
        roused = []
        for _ in range(3):
            notifier.arm(child, [QUEUE])
            assert not others.claim([QUEUE], 10, child)
            roused.append(notifier.changed())
            notifier.disarm(child)
    assert roused == [True, False, False]


@on_postgres
def test_a_push_that_waits_for_somebody_keeps_no_idle_child_waiting(alias: str, caller: SQLBroker, others: SQLBroker) -> None:
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%%into celeriac_job%%'"

    def push() -> None:
        second = opened(alias)
        second.push([a_job(id="the same")])
        second.close()

    with transaction.atomic(using=alias):
        caller.push([a_job(id="the same")])
        child = an_idle_child(others)
        pushing = start(push)
        wait_for(lambda: others.connection.fetch(waiting)[0][0] == 1, "a push that waits", PATIENCE)
        others.notifier().disarm(child)
        assert not others.connection.fetch("select 1 from celeriac_idle")
    pushing.finish()


def test_the_first_query_of_a_project_that_commits_by_itself_is_not_committed(
    alias: str, caller: SQLBroker, others: SQLBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connections[alias]
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "AUTOCOMMIT", False)
    caller.push([job := a_job()])
    connection.rollback()
    connection.close()
    assert others.get(job.id) is None


@on_postgres
def test_a_wake_up_that_comes_with_the_answer_to_a_look_is_heard(alias: str, caller: SQLBroker, others: SQLBroker) -> None:
    an_idle_child(others)
    notifier = others.notifier()
    caller.push([a_job(queue="elsewhere")])
    caller.wake.wake({QUEUE: 1})
    assert notifier.changed(), "no job waits, so it is the wake-up"


# -- Django's own tools see what happens --------------------------------------------------------------------------------------


def test_whoever_counts_queries_counts_those_of_a_push(alias: str, caller: SQLBroker) -> None:
    caller.push([a_job()])  # from here on, the connection is open
    with CaptureQueriesContext(connections[alias]) as asked:
        caller.push([a_job()])
    assert any("celeriac_job" in query["sql"] for query in asked.captured_queries)


@pytest.mark.parametrize("number", [1, 3])
def test_an_execute_wrapper_sees_every_statement_and_may_forbid_it(
    alias: str, caller: SQLBroker, others: SQLBroker, number: int
) -> None:
    seen: list[str] = []

    def forbid(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        if "insert" in sql:
            raise Undo
        return execute(sql, params, many, context)

    caller.push([a_job()])
    with connections[alias].execute_wrapper(forbid), pytest.raises(Undo):
        caller.push(some_jobs(number))
    assert any("celeriac_job" in sql for sql in seen)
    assert rows(others) == (1, 1)


def test_a_transaction_that_must_roll_back_takes_no_job(alias: str, caller: SQLBroker, others: SQLBroker) -> None:
    caller.push([a_job()])
    with transaction.atomic(using=alias):
        transaction.set_rollback(True, using=alias)
        with pytest.raises(transaction.TransactionManagementError, match="until the end of the 'atomic' block"):
            caller.push([a_job()])
    assert rows(others) == (1, 1)


# -- several databases ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_alias(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[MakeAlias]:
    """Make a SQLite database with these OPTIONS known to Django under the name given, with Celeriac's tables in it."""
    made: list[AbstractContextManager[str]] = []

    def make(alias: str, **options: Any) -> str:
        made.append(database(alias, ENGINE=SQLITE, NAME=str(tmp_path / f"{alias}.sqlite3"), OPTIONS=options))
        return made[-1].__enter__()

    with django_db_blocker.unblock():
        yield make
        for one in made:
            one.__exit__(None, None, None)


def test_each_database_has_a_queue_of_its_own(alias: str, caller: SQLBroker, others: SQLBroker, make_alias: MakeAlias) -> None:
    second = SQLBroker(make_alias("second", transaction_mode="IMMEDIATE"))
    here, there = some_jobs(2)
    with transaction.atomic(using=alias), rolled_back("second"):
        caller.push([here])
        second.push([a_job()])
    second.push([there])
    assert [job.id for job in others.find({}, 10)] == [here.id]
    assert [job.id for job in second.find({}, 10)] == [there.id]
    assert claim_one(others, a_child(others)).id == here.id
    assert claim_one(second, a_child(second)).id == there.id


# -- what goes wrong -----------------------------------------------------------------------------------------------------------


def without_tables(alias: str) -> list[SQLBroker]:
    return [SQLBroker(alias), SQLBroker(alias, private=True)]


def every_first_step(broker: SQLBroker) -> list[Callable[[], Any]]:
    return [broker.open, lambda: broker.push([a_job()]), lambda: broker.push(some_jobs(2)), lambda: broker.get("x")]


def every_first_call(alias: str) -> list[Callable[[], Any]]:
    app = Celery("bare", broker=f"django://{alias}", set_as_current=False)
    task = app.task(name="shop.pack")(lambda: None)
    result = app.AsyncResult("x")
    return [task.delay, lambda: task.bulk([(), ()]), lambda: result.get(timeout=5), lambda: result.state, result.revoke]


@contextmanager
def bare(alias: str, **settings: Any) -> Iterator[list[SQLBroker]]:
    """A database that was never migrated, as a caller and as a worker see it."""
    with database(alias, **settings):
        with connections[alias].cursor() as cursor:
            for table in connections[alias].introspection.table_names(cursor):
                if table.startswith("celeriac_"):
                    cursor.execute(f"drop table {table}")
        brokers = without_tables(alias)
        yield brokers
        for broker in brokers:
            broker.close()


def test_missing_tables_are_named_with_the_command_that_makes_them(alias: str, tmp_path: Path) -> None:
    settings = {"ENGINE": SQLITE, "NAME": str(tmp_path / "bare.sqlite3")}
    if alias != "conformance_sqlite":
        with connections[alias].cursor() as cursor:
            cursor.execute("drop database if exists bare")
            cursor.execute("create database bare")
        settings = {**connections.databases[alias], "NAME": "bare"}
    with bare("bare", **settings) as brokers:
        for broker in brokers:
            for step in every_first_step(broker):
                with pytest.raises(SchemaMissing, match=r"python manage\.py migrate --database bare$"):
                    step()
        for call in every_first_call("bare"):
            with pytest.raises(SchemaMissing, match=r"python manage\.py migrate --database bare$"):
                call()
        with pytest.raises(SchemaMissing), transaction.atomic(using="bare"):
            every_first_call("bare")[0]()


def test_the_command_for_the_default_database_is_the_usual_one() -> None:
    assert str(SchemaMissing("default")).endswith("Create them: python manage.py migrate")


WAL = "PRAGMA journal_mode=WAL"


def another_process(alias: str) -> sqlite3.Connection:
    """A connection to a SQLite file that Django knows nothing of, in autocommit, for any thread."""
    return sqlite3.connect(connections.databases[alias]["NAME"], isolation_level=None, check_same_thread=False)


def test_a_deferred_transaction_that_read_first_is_told_which_setting_it_needs(make_alias: MakeAlias) -> None:
    alias = make_alias("deferred", init_command=WAL)
    broker, other = SQLBroker(alias), another_process(alias)
    setting = r"DATABASES\['deferred'\]: \"transaction_mode\": \"IMMEDIATE\""
    with pytest.raises(DatabaseLocked, match=setting) as raised, transaction.atomic(using=alias):
        broker.get("x")
        other.execute("insert into celeriac_queue (name, paused) values ('q', 0)")
        broker.push([a_job()])
    other.close()
    assert isinstance(raised.value, BrokerUnavailable)
    assert rows(broker) == (0, 0)


def begins(alias: str, begun: threading.Event) -> AbstractContextManager[None]:
    """Let ``begun`` be set as soon as this thread's connection asks for a transaction."""

    def tell(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("BEGIN"):
            begun.set()
        return execute(sql, params, many, context)

    return connections[alias].execute_wrapper(tell)


@pytest.mark.parametrize(("mode", "inside"), [("IMMEDIATE", True), ("IMMEDIATE", False), ("DEFERRED", False)])
def test_a_push_waits_for_another_process_that_writes(make_alias: MakeAlias, mode: str, inside: bool) -> None:
    alias = make_alias("patient", transaction_mode=mode, init_command=WAL, timeout=PATIENCE)
    begun, other = threading.Event(), another_process(alias)

    def enqueue() -> None:
        broker = SQLBroker(alias)
        try:
            with begins(alias, begun):
                if inside:
                    with transaction.atomic(using=alias):
                        broker.get("x")
                        broker.push([a_job()])
                else:
                    broker.push([a_job()])
        finally:
            connections[alias].close()

    other.execute("begin immediate")
    other.execute("insert into celeriac_queue (name, paused) values ('q', 0)")
    enqueuing = start(enqueue)
    assert begun.wait(PATIENCE)
    assert rows(SQLBroker(alias)) == (0, 0)
    other.execute("commit")
    enqueuing.finish()
    other.close()
    assert rows(SQLBroker(alias)) == (1, 1)


Fragile = tuple[PostgresServer | MariaDBServer, str]


@pytest.fixture(scope="module")
def fragile_postgres(django_db_blocker: DjangoDbBlocker) -> Iterator[Fragile]:
    """A PostgreSQL server that may be stopped, and the alias of its database."""
    if postgres_home() is None:
        pytest.skip(MISSING)
    with PostgresServer() as server:
        params = server.params
        place = {"NAME": params["dbname"], "USER": params["user"], "HOST": params["host"], "PORT": str(params["port"])}
        with django_db_blocker.unblock(), database("fragile_postgres", ENGINE=POSTGRES, **place) as alias:
            yield server, alias


@pytest.fixture(scope="module")
def fragile_mariadb(mariadb: MariaDBServer, django_db_blocker: DjangoDbBlocker) -> Iterator[Fragile]:
    """The same with MariaDB. Not the server of all, whose other connections must not break."""
    with MariaDBServer() as server:
        server.create("fragile")
        with django_db_blocker.unblock(), database("fragile_mariadb", **server.params, NAME="fragile") as alias:
            yield server, alias


@pytest.fixture(
    params=[pytest.param("postgres", marks=pytest.mark.postgres), pytest.param("mariadb", marks=pytest.mark.mariadb)]
)
def fragile(request: pytest.FixtureRequest) -> Fragile:
    """Each server in turn."""
    found: Fragile = request.getfixturevalue(f"fragile_{request.param}")
    return found


def test_a_server_that_is_gone_is_a_typed_error_in_time_and_the_next_push_after_it_returned_works(
    fragile: Fragile,
) -> None:
    server, alias = fragile
    empty(alias)
    brokers = [SQLBroker(alias), opened(alias)]
    for broker in brokers:
        broker.push([a_job()])
    server.interrupt()
    for broker in brokers:
        for _ in range(2):  # the first meets a broken connection, the second can make none
            begun = time.monotonic()
            with pytest.raises(BrokerUnavailable, match=f"The database '{alias}' did not answer"):
                broker.push([a_job()])
            assert time.monotonic() - begun < 5
    server.start()
    for broker in brokers:
        broker.push([a_job()])
    assert rows(brokers[1]) == (4, 4)
    brokers[1].close()


ENDS_ITSELF = {"postgresql": "select pg_terminate_backend(pg_backend_pid())", "mysql": "kill connection_id()"}


@pytest.mark.parametrize("alias", [conftest.POSTGRES, conftest.MARIADB], indirect=True)
def test_a_connection_that_is_lost_while_it_is_made_ready_is_an_unavailable_broker(alias: str) -> None:
    broker = SQLBroker(alias)
    ready = broker.dialect.connect()
    broker.connection = OwnConnection(
        alias,
        options=ready._options,
        prepare=lambda raw: raw.cursor().execute(ENDS_ITSELF[connections[alias].vendor]),
        native=broker.dialect.native,
        begin=ready._begin,
    )
    with pytest.raises(BrokerUnavailable, match=f"The database '{alias}' did not answer"):
        broker.push([a_job()])


def test_a_transaction_that_lost_its_server_takes_no_job_of_a_new_connection(fragile: Fragile) -> None:
    server, alias = fragile
    empty(alias)
    broker = SQLBroker(alias)
    # Which of its errors a driver raises on a dead connection differs: PyMySQL's is an InterfaceError.
    with pytest.raises((DatabaseError, InterfaceError)), transaction.atomic(using=alias):
        broker.push([a_job()])
        server.restart()
        with pytest.raises(BrokerUnavailable):
            broker.push([a_job()])
        with pytest.raises((BrokerUnavailable, DatabaseError, InterfaceError)):
            broker.push([a_job()])
        with connections[alias].cursor() as cursor:
            cursor.execute("select 1")
    connections[alias].close()
    assert rows(broker) == (0, 0)
    broker.push([a_job()])
    assert rows(broker) == (1, 1)


# -- transactional tasks: the body and its settling are one transaction --------------------------------------------------------


class Stall:
    """A task that sells, on the connection that Django gives to everybody: each call leaves a row, then ends as told."""

    def __init__(self, alias: str, others: SQLBroker) -> None:
        self.alias, self.broker = alias, others
        self.child = a_child(others)
        self.app = Celery("stall", broker=f"django://{alias}", set_as_current=False)
        self.task = self.app.task(transactional=True, autoretry_for=(KeyError,), retry_jitter=False)(self.sell)
        self.seen: list[tuple[int, State]] = []
        self.failure: Exception | None = None

    def sell(self, id: str) -> str:
        with connections[self.alias].cursor() as cursor:
            cursor.execute("insert into sale (job) values (%s)", [id])
        self.seen.append((self.sold(), known(self.broker, id).state))
        if self.failure is not None:
            raise self.failure
        return "sold"

    def sold(self) -> int:
        """Return how many sales everybody else sees."""
        return int(self.broker.connection.fetch("select count(*) from sale")[0][0])

    def claim(self) -> Job:
        """Enqueue a sale and claim it, as a child does."""
        id = uuid.uuid4().hex
        self.task.apply_async((id,), task_id=id)
        return claim_one(self.broker, self.child, "celery")

    def run(self, job: Job) -> Outcome:
        return self.app.runner(hostname="w@test", transactions=self.broker.settling).run(job)


@pytest.fixture
def stall(alias: str, others: SQLBroker) -> Iterator[Stall]:
    with connections[alias].cursor() as cursor:
        cursor.execute("create table sale (job text)")
    stall = Stall(alias, others)
    yield stall
    stall.app.close()
    with connections[alias].cursor() as cursor:
        cursor.execute("drop table sale")


def test_what_a_transactional_body_writes_commits_together_with_its_settling(stall: Stall) -> None:
    job = stall.claim()
    outcome = stall.run(job)
    assert stall.seen == [(0, State.RUNNING)], "others saw the body's work before it was settled"
    assert stall.sold() == 1
    assert (outcome.settled, state_of(stall.broker, job)) == (True, State.SUCCEEDED)


def test_a_transactional_body_that_lost_its_claim_leaves_nothing(stall: Stall) -> None:
    job = stall.claim()
    stall.broker.rescue(stall.child)
    outcome = stall.run(job)
    assert stall.sold() == 0
    assert not outcome.settled
    assert stall.broker.settle([outcome]) == {job.token}
    assert state_of(stall.broker, job) is State.WAITING


@pytest.mark.parametrize(
    ("failure", "state"),
    [(ValueError("no change"), State.FAILED), (KeyError("till"), State.SCHEDULED)],
    ids=["fails", "retries"],
)
def test_a_transactional_body_that_fails_leaves_nothing_and_then_fails_or_retries_as_any_other(
    stall: Stall, failure: Exception, state: State
) -> None:
    job = stall.claim()
    stall.failure = failure
    outcome = stall.run(job)
    assert (stall.sold(), outcome.settled) == (0, False)
    assert stall.broker.settle([outcome]) == set()
    assert state_of(stall.broker, job) is state
    kept = stall.broker.attempts(job.id)
    assert [attempt.failure.type for attempt in kept if attempt.failure] == [type(failure).__name__]


def test_a_transactional_body_runs_again_after_it_failed_and_counts_once(stall: Stall) -> None:
    job = stall.claim()
    stall.failure = KeyError("till")
    stall.broker.settle([stall.run(job)])
    stall.failure = None
    stall.broker.connection.run("update celeriac_live set run_at = '2000-01-01 00:00:00'")
    stall.broker.promote(10)
    again = claim_one(stall.broker, stall.child, "celery")
    assert stall.run(again).settled
    assert stall.sold() == 1
    assert state_of(stall.broker, job) is State.SUCCEEDED


def test_what_a_transactional_body_enqueues_is_there_when_it_succeeds_and_only_then(stall: Stall) -> None:
    stall.failure = ValueError("no change")
    body = stall.sell

    def sell_and_pack(id: str) -> str:
        SQLBroker(stall.alias).push([a_job(f"pack {id}", queue="packing")])
        return body(id)

    stall.task = stall.app.task(name="pack", transactional=True)(sell_and_pack)
    failing = stall.claim()
    stall.broker.settle([stall.run(failing)])
    assert stall.broker.find({"queue": "packing"}, 10) == []
    stall.failure = None
    working = stall.claim()
    assert stall.run(working).settled
    assert [job.id for job in stall.broker.find({"queue": "packing"}, 10)] == [f"pack {working.id}"]
