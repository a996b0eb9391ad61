"""What is MariaDB's and MySQL's own: names compared exactly, deadlocks, old servers, hosts that no wake-up reaches."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.transaction import TransactionManagementError
from django.db.utils import DataError, IntegrityError
from django.test.utils import CaptureQueriesContext

from celeriac.engine.brokers.base import Pause, Resume
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.brokers.sql.connection import OwnConnection
from celeriac.engine.brokers.sql.mysql import check_version
from celeriac.engine.errors import BrokerUnavailable, ImproperlyConfigured
from celeriac.engine.job import State
from celeriac.testing.conformance.scenario import PATIENCE, QUEUE, a_child, a_job, an_outcome, some_jobs, start
from tests.chaos.ledger import wait_for

pytestmark = [pytest.mark.mariadb, pytest.mark.parametrize("alias", ["mariadb"], indirect=True)]

WAIT_FOR_A_LOCK = "select count(*) from information_schema.innodb_trx where trx_state = 'LOCK WAIT'"
HEAVY = 50
"""Rows that a transaction has written which the server is to spare: a deadlock's victim is who wrote less."""


@pytest.fixture
def rival(others: SQLBroker) -> Iterator[OwnConnection]:
    """Somebody else's transaction, with much to lose."""
    rival = others.dialect.connect()
    yield rival
    rival.close()


def insert(connection: OwnConnection, id: str) -> None:
    connection.run(
        "insert into celeriac_job (id, task, queue, payload, state, created)"
        " values (%s, 't', 'q', '', 'succeeded', utc_timestamp(6))",
        (id,),
    )


def one_waits(broker: SQLBroker) -> bool:
    """Return whether a transaction waits. The server looks anew only when nobody has asked for a tenth of a second."""
    broker.connection.fetch("select sleep(0.12)")
    return bool(broker.connection.fetch(WAIT_FOR_A_LOCK)[0][0] == 1)


def deadlocked(rival: OwnConnection, others: SQLBroker, push: Callable[[], object], first: str, second: str) -> None:
    """Let ``push`` insert the first id and wait for the second, which the rival has inserted, who then comes to the first.

    The ids are new ones in each test: where a deleted one lies, an insert locks its surroundings.
    """
    with rival.atomic():
        for number in range(HEAVY):
            insert(rival, f"heavy-{first}-{number}")
        insert(rival, second)
        pushing = start(push)
        wait_for(lambda: one_waits(others), "a lock wait", PATIENCE)
        insert(rival, first)
    pushing.finish()


def test_a_job_that_is_enqueued_alone_is_one_trip(alias: str, caller: SQLBroker, others: SQLBroker) -> None:
    caller.push([a_job()])  # from here on, the connection is open
    with CaptureQueriesContext(connections[alias]) as asked:
        caller.push([a_job(id="alone")])
        caller.push([a_job(id="alone")])
    texts = [query["sql"] for query in asked.captured_queries if "into celeriac_job" in query["sql"]]
    assert [("BEGIN; " in text, "into celeriac_live" in text, text.endswith("COMMIT")) for text in texts] == [(True,) * 3] * 2
    assert len(others.find({}, 10)) == 2
    assert others.backlog(QUEUE, 10) == 2


def test_a_job_that_is_enqueued_alone_is_there_wholly_or_not_at_all(alias: str, caller: SQLBroker, others: SQLBroker) -> None:
    caller.push([a_job(id="alone 1")])
    following = others.connection.fetch("select max(number) + 1 from celeriac_job")[0][0]
    others.connection.run(
        "insert into celeriac_live (job, queue, priority, state) values (%s, 'q', 0, 'running')", (following,)
    )
    with pytest.raises(IntegrityError):
        caller.push([a_job(id="alone 2")])
    assert others.get("alone 2") is None
    assert not caller.connection.in_transaction()
    caller.push([a_job(id="alone 3")])
    assert others.get("alone 3") is not None


def test_a_worker_that_lost_a_deadlock_tries_again(alias: str, others: SQLBroker, rival: OwnConnection) -> None:
    def push() -> None:
        broker = SQLBroker(alias, private=True)
        broker.push([a_job(id="x"), a_job(id="y"), a_job(id="z")])
        broker.close()

    deadlocked(rival, others, push, "x", "y")
    assert others.get("z") is not None


def test_a_caller_without_a_transaction_that_lost_a_deadlock_tries_again(
    alias: str, others: SQLBroker, rival: OwnConnection
) -> None:
    def push() -> None:
        try:
            SQLBroker(alias).push([a_job(id="u"), a_job(id="v"), a_job(id="w")])
        finally:
            connections[alias].close()

    deadlocked(rival, others, push, "u", "v")
    assert others.get("w") is not None


def test_a_caller_that_lost_a_deadlock_cannot_commit_what_it_does_next(
    alias: str, others: SQLBroker, rival: OwnConnection
) -> None:
    def push() -> None:
        broker = SQLBroker(alias)
        try:
            with pytest.raises(TransactionManagementError), transaction.atomic(using=alias):
                broker.push([a_job(id="before"), a_job(id="p")])
                with pytest.raises(BrokerUnavailable, match="Deadlock"):
                    broker.push([a_job(id="q")])
                with connections[alias].cursor() as cursor:
                    cursor.execute("insert into celeriac_queue (name) values ('after')")
        finally:
            connections[alias].close()

    deadlocked(rival, others, push, "p", "q")
    assert others.get("before") is None
    assert not others.connection.fetch("select name from celeriac_queue")


@pytest.mark.parametrize("other", ["ID", "id ", "ïd", "id\t"])
def test_ids_and_queues_that_differ_in_case_accent_or_trailing_space_are_different(
    alias: str, others: SQLBroker, other: str
) -> None:
    child = a_child(others)
    others.push([a_job(id="id", queue="id"), a_job(id=other, queue=other)])
    assert [job.id for job in others.claim([other], 10, child)] == [other]
    assert [job.id for job in others.claim(["id"], 10, child)] == ["id"]


def test_the_longest_names_of_four_byte_characters_fit_the_indexes(alias: str, others: SQLBroker) -> None:
    longest = "\U0001f33f" * 255
    others.push([a_job(id=longest, queue=longest, group=longest, root=longest)])
    assert [job.id for job in others.claim([longest], 1, a_child(others))] == [longest]
    assert [job.id for job in others.find({"group": longest}, 10)] == [longest]


def test_a_payload_of_megabytes_comes_back_as_it_was(alias: str, others: SQLBroker) -> None:
    payload = bytes(range(256)) * (5 * 4096)
    others.push([a_job(payload=payload), a_job(payload=payload)])
    assert [job.payload for job in others.claim(["default"], 2, a_child(others))] == [payload] * 2


def test_what_is_pushed_together_is_kept_in_full(alias: str, others: SQLBroker) -> None:
    odd = "\U0001f33f\"\\\\\\n\t%s {} \u2028'`"
    full = {
        "task": odd, "queue": odd, "payload": bytes(range(256)), "priority": -7, "state": State.SCHEDULED, "run_at": 2e9 + 0.25,
        "expires": 3e9 + 0.5, "root": odd, "parent": odd, "group": odd, "position": 3, "unique_key": odd,
        "concurrency_key": odd, "fairness_key": odd, "headers": {odd: [odd, None]}, "metadata": {"a": {"b": 1.5}},
        "progress": {odd: odd}, "schedule": odd, "nominal": 2e9 + 0.125,
    }  # fmt: skip
    bare = a_job(id="bare")
    others.push([a_job(id=odd, **full), bare])
    kept = others.get(odd)
    assert {name: getattr(kept, name) for name in full} == full
    kept = others.get("bare")
    assert {name: getattr(kept, name) for name in full} == {name: getattr(bare, name) for name in full}


def test_the_names_of_workers_are_kept_whole(alias: str, others: SQLBroker) -> None:
    others.push([a_job(id="1")])
    [job] = others.claim(["default"], 1, a_child(others))
    others.settle([an_outcome(job, worker="\U0001f33f@\u5317\u4eac")])
    assert others.get("1").worker == "\U0001f33f@\u5317\u4eac"


@pytest.mark.parametrize("field", ["id", "root", "unique_key"])
def test_what_does_not_fit_is_refused_and_never_cut_short(alias: str, others: SQLBroker, field: str) -> None:
    with pytest.raises(DataError, match="too long"):
        others.push([a_job(), a_job(**{field: "x" * 256})])
    assert others.find({}, 10) == []


def test_a_claim_in_order_of_priority_reads_only_what_it_takes(alias: str, others: SQLBroker) -> None:
    others.push([a_job(priority=number % 5) for number in range(300)])
    child = a_child(others)
    others.connection.run("flush status")
    assert len(others.claim(["default"], 5, child)) == 5
    read = others.connection.fetch("show session status where variable_name in ('Handler_read_next', 'Sort_rows')")
    assert sum(int(number) for _, number in read) < 50


@pytest.fixture
def elsewhere(alias: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SQLBroker]:
    """The broker as a process of another host has it, whose wake-ups reach nobody here."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    broker = SQLBroker(alias, private=True)
    monkeypatch.undo()
    yield broker
    broker.close()


def sees(notifier: Any) -> bool:
    """Look as if nobody on this host had looked for long."""
    notifier._looked.unlink(missing_ok=True)
    return bool(notifier.changed())


def test_what_another_host_pushed_is_seen_by_looking(others: SQLBroker, elsewhere: SQLBroker) -> None:
    notifier = others.notifier()
    notifier.arm(a_child(others), ["default", "other"])
    assert not sees(notifier)
    elsewhere.push([a_job(queue="elsewhere")])
    assert not sees(notifier)
    elsewhere.control(Pause(queues=("default",)))
    elsewhere.push([a_job()])
    assert not sees(notifier)
    elsewhere.control(Resume(queues=("default",)))
    assert sees(notifier)
    assert notifier.poll_every <= 0.125


@pytest.mark.parametrize("jobs", [1, 2])
def test_of_a_hosts_idle_children_one_looks_and_wakes_as_many_as_there_are_jobs(
    alias: str, others: SQLBroker, elsewhere: SQLBroker, jobs: int
) -> None:
    sibling = SQLBroker(alias, private=True)
    try:
        one, two = others.notifier(), sibling.notifier()
        for broker in (others, sibling):
            broker.notifier().arm(a_child(broker), ["default"])
        elsewhere.push(some_jobs(jobs))
        assert sees(one)
        assert not two.changed(), "its sibling has just looked"
        assert two.poll_every > one.poll_every
        assert two.drain() is (jobs == 2)
    finally:
        sibling.close()


@pytest.mark.parametrize("server", ["10.5.26-MariaDB", "5.5.5-10.4.34-MariaDB-1:10.4.34", "5.7.44-log", "ancient"])
def test_a_server_that_is_too_old_is_refused_with_its_version(alias: str, server: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"The database server is {server}; Celeriac needs MySQL 8\.0 or MariaDB"):
        check_version(server)


@pytest.mark.parametrize("server", ["10.6.0-MariaDB", "5.5.5-10.11.2-MariaDB", "11.8.1-MariaDB", "8.0.36", "9.1.0"])
def test_a_server_that_is_new_enough_is_accepted(alias: str, server: str) -> None:
    assert check_version(server) is None
