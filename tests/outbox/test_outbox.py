"""A job whose broker is not the caller's database commits with the caller's transaction: SQLite, and a real Valkey server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from celeriac.app import Celery
from celeriac.checks import check_outbox
from celeriac.current import current_app_is
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.resultstore import Record
from celeriac.engine.encryption import Cipher, arguments_of
from celeriac.engine.errors import BrokerUnavailable, ImproperlyConfigured, SchemaMissing
from celeriac.engine.job import Job, State
from celeriac.engine.signing import Signer
from celeriac.models import OutboxJob
from celeriac.outbox import BATCH, Outbox, OutboxBroker, address, outbox_of, with_outbox
from celeriac.testing.valkey import ValkeyServer

pytestmark = pytest.mark.django_db(transaction=True)
URL = "memory://"


@pytest.fixture
def redis(valkey: ValkeyServer) -> Iterator[RedisBroker]:
    broker = RedisBroker(valkey.url())
    broker.client.flushdb()
    yield broker
    broker.close()


@pytest.fixture
def app(redis: RedisBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    app = Celery("tests", broker=URL)
    broker = with_outbox(app, redis)
    monkeypatch.setattr(app, "broker", lambda: broker)
    yield app
    app.close()


@pytest.fixture
def task(app: Celery) -> Any:
    return app.task(name="t")(lambda number=0: number)


@pytest.fixture
def outbox(app: Celery) -> Outbox:
    found = outbox_of(app.settings, app.broker())
    assert found is not None
    return found


def rows() -> int:
    return OutboxJob.objects.count()


def queued(redis: RedisBroker) -> int:
    return len(redis.find({}, 10_000))


def grow_old() -> None:
    """Let the rows be as old as those of a process that has died."""
    OutboxJob.objects.update(created=Now() - timedelta(seconds=60))


def test_a_job_of_a_transaction_is_a_row_until_the_commit_and_then_a_job(task: Any, redis: RedisBroker) -> None:
    with transaction.atomic():
        result = task.delay(1)
        assert (rows(), queued(redis)) == (1, 0)
    assert rows() == 0
    assert [job.id for job in redis.find({}, 10)] == [result.id]


def test_outside_a_transaction_nothing_is_written(task: Any, redis: RedisBroker, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        task.delay(1)
    assert queued(redis) == 1


def test_a_transaction_that_is_rolled_back_sends_nothing(task: Any, redis: RedisBroker) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        task.delay(1)
        task.bulk([(2,), (3,)])
        raise ZeroDivisionError
    assert (rows(), queued(redis)) == (0, 0)


def test_a_savepoint_that_is_rolled_back_takes_its_own_jobs_with_it(task: Any, redis: RedisBroker) -> None:
    with transaction.atomic():
        kept = [task.delay(1)]
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            task.delay(2)
            raise ZeroDivisionError
        kept.append(task.delay(3))
    assert rows() == 0
    assert {job.id for job in redis.find({}, 10)} == {result.id for result in kept}


def test_many_jobs_of_one_call_are_written_and_sent_together(task: Any, redis: RedisBroker) -> None:
    many = 2 * BATCH + 1
    with transaction.atomic():
        task.bulk([(number,) for number in range(many)])
        assert rows() == many
    assert (rows(), queued(redis)) == (0, many)


def test_a_delayed_job_arrives_as_it_was_built(task: Any, redis: RedisBroker, app: Celery) -> None:
    with transaction.atomic():
        result = task.apply_async((1,), countdown=100, priority=5, queue="q", headers={"tenant": 7}, expires=500)
        row = OutboxJob.objects.get()
    grow_old()
    row.save(force_insert=True)  # as if it had not been sent
    [job] = redis.find({}, 10)
    redis.client.flushdb()
    grow_old()
    assert Outbox("default", URL).send(redis.push) == 1
    [again] = redis.find({}, 10)
    for name in ("id", "task", "queue", "payload", "priority", "state", "run_at", "expires", "headers"):
        assert getattr(again, name) == getattr(job, name)
    assert again.id == result.id


def test_a_job_that_was_sent_and_has_ended_elsewhere_is_not_sent_again(
    task: Any, redis: RedisBroker, valkey: ValkeyServer
) -> None:
    with transaction.atomic():
        task.delay(1)
        row = OutboxJob.objects.get()
    row.save(force_insert=True)  # as if its process had been killed before it deleted the row
    grow_old()
    [job] = redis.find({}, 10)
    redis.client.flushdb()  # the broker has forgotten it: its result is elsewhere
    results = RedisBroker(valkey.url(1))
    results.client.flushdb()
    now = time.time()
    results.keep([Record(msgspec.structs.replace(job, state=State.SUCCEEDED, started=now, finished=now), [])])
    Outbox("default", URL, results).send(redis.push)
    assert (rows(), queued(redis)) == (0, 0)


def test_what_a_crash_left_is_sent_once_it_is_old_enough(
    task: Any, redis: RedisBroker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_on_commit(monkeypatch)
    with transaction.atomic():
        ids = {task.delay(number).id for number in range(3)}
    assert outbox.send(redis.push) == 0
    grow_old()
    assert outbox.send(redis.push) == 3
    assert rows() == 0
    assert {job.id for job in redis.find({}, 10)} == ids


def lose_on_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Die, as far as these jobs are concerned, between COMMIT and sending."""
    monkeypatch.setattr(OutboxBroker, "_send", lambda *ignored: None)


def test_a_job_that_was_sent_and_not_deleted_stays_one_job(
    task: Any, redis: RedisBroker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_on_commit(monkeypatch)
    with transaction.atomic():
        task.delay(1)
    kept = OutboxJob.objects.get()
    grow_old()
    outbox.send(redis.push)
    kept.save(force_insert=True)
    grow_old()
    assert outbox.send(redis.push) == 1
    assert (rows(), queued(redis)) == (0, 1)
    redis.join(WorkerInfo(id="w", name="w", host="h", pid=1, pool="solo", concurrency=1, queues=["celery"]), 60)
    redis.enrol("w", "c")
    assert len(redis.claim(["celery"], 10, "c")) == 1


def test_a_broker_that_is_away_at_the_commit_fails_nobody_and_its_jobs_are_kept(
    app: Celery, task: Any, valkey: ValkeyServer, redis: RedisBroker, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[int] = []
    valkey.interrupt()
    try:
        with transaction.atomic():
            task.delay(1)
            transaction.on_commit(lambda: called.append(1))
        assert called == [1]
        assert rows() == 1
        assert "Jobs that wait in the outbox: 1" in caplog.text
        with pytest.raises(BrokerUnavailable):
            task.delay(2)  # outside a transaction there is no database to keep it in
    finally:
        valkey.start()
    grow_old()
    assert outbox.send(redis.push) == 1
    assert queued(redis) == 1


def test_what_waits_in_the_outbox_is_hidden_and_signed_and_still_is_when_a_worker_sends_it(
    app: Celery, task: Any, redis: RedisBroker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_on_commit(monkeypatch)
    app.conf.encryption_keys, app.conf.signing_keys = ["the key that hides"], ["the key that signs"]
    with transaction.atomic():
        result = task.apply_async(("4111 1111",), queue="q", expires=500)
    assert b"4111" not in bytes(OutboxJob.objects.get().job)
    grow_old()
    assert outbox.send(redis.push) == 1
    job = redis.get(result.id)
    assert job is not None
    Signer(["the key that signs"]).verify(job, app.clock.wall())
    assert arguments_of(job, Cipher(["the key that hides"]))[0] == ["4111 1111"]


def test_jobs_for_another_broker_are_left_alone(task: Any, redis: RedisBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_on_commit(monkeypatch)
    with transaction.atomic():
        task.delay(1)
    grow_old()
    assert Outbox("default", "redis://other/0").send(redis.push) == 0
    assert rows() == 1


def test_a_row_that_cannot_be_read_stays_and_blocks_nobody(
    task: Any, redis: RedisBroker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lose_on_commit(monkeypatch)
    OutboxJob.objects.create(id="0", broker=address(URL), job=b"\xc1")
    with transaction.atomic():
        task.delay(1)
    grow_old()
    assert outbox.send(redis.push) == 1
    assert [row.id for row in OutboxJob.objects.all()] == ["0"]
    assert "The row 0 of the outbox cannot be read" in caplog.text


def test_without_an_outbox_a_job_is_sent_at_its_call(app: Celery, task: Any, redis: RedisBroker) -> None:
    app.conf.outbox = False
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        task.delay(1)
        assert (rows(), queued(redis)) == (0, 1)
        raise ZeroDivisionError
    assert queued(redis) == 1
    assert outbox_of(app.settings, redis) is None


def test_an_outbox_in_a_database_that_there_is_not_is_refused_at_the_call(app: Celery, task: Any, redis: RedisBroker) -> None:
    app.conf.outbox = "defualt"
    with pytest.raises(ImproperlyConfigured, match=r"CELERIAC\['OUTBOX'\] is 'defualt'.*Did you mean 'default'\?"):
        task.delay(1)


def test_a_database_without_the_table_is_answered_with_the_command_that_makes_it(task: Any) -> None:
    with table_away(), pytest.raises(SchemaMissing, match=r"python manage\.py migrate"), transaction.atomic():
        task.delay(1)


@contextmanager
def table_away() -> Iterator[None]:
    rename("celeriac_outbox", "celeriac_outbox_away")
    try:
        yield
    finally:
        rename("celeriac_outbox_away", "celeriac_outbox")


def rename(table: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"alter table {table} rename to {name}")


def test_the_system_checks_name_an_outbox_in_a_database_that_there_is_not(app: Celery) -> None:
    assert check_outbox(None) == []
    with current_app_is(app), app.conf.override(outbox="defualt", broker_url="memory://"):
        [error] = check_outbox(None)
    assert error.id == "celeriac.E003"
    assert "Did you mean 'default'?" in error.msg


def test_in_memory_a_job_of_a_transaction_is_sent_at_its_commit_and_leaves_no_row(app: Celery) -> None:
    broker = MemoryBroker(app.clock)
    outgoing = with_outbox(app, broker)
    job = Job(id="1", task="t", queue="celery", payload=b"[[],{},{}]")
    with transaction.atomic():
        outgoing.push([job])
        assert (rows(), broker.get("1")) == (0, None)
    assert broker.get("1") is not None
    assert outbox_of(app.settings, broker) is None


def test_a_broker_in_the_callers_database_is_left_as_it_is(app: Celery) -> None:
    with app.conf.override(broker_url="django://default"):
        queue = Celery("other", broker="django://default", set_as_current=False).broker()
    assert not isinstance(queue, OutboxBroker)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:secret@host:6379/1", "redis://host:6379/1"),
        ("unix:///run/valkey.sock?db=1&password=secret&namespace=a", "unix:///run/valkey.sock?db=1&namespace=a"),
        ("rediss://:secret@host/0", "rediss://host/0"),
    ],
)
def test_the_address_of_a_broker_holds_no_secret(url: str, shown: str) -> None:
    assert address(url) == shown


def test_a_database_that_cannot_be_read_is_an_outage_like_any_other(outbox: Outbox, redis: RedisBroker) -> None:
    with table_away(), pytest.raises(BrokerUnavailable, match="The outbox in the database 'default' cannot be read"):
        outbox.send(redis.push)
