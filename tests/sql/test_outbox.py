"""The outbox on each database. What it promises in general is in ``tests/outbox``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.db.models.functions import Now

from celeriac.app import Celery
from celeriac.engine.brokers.base import Capabilities
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import Job
from celeriac.models import OutboxJob
from celeriac.outbox import Outbox, OutboxBroker, outbox_of, with_outbox
from tests.conformance.conftest import database

URL = "memory://elsewhere"


class Elsewhere(MemoryBroker):
    """A broker that outlives the process, as far as the outbox can tell."""

    capabilities = Capabilities()


@pytest.fixture
def elsewhere(alias: str) -> Iterator[tuple[Elsewhere, OutboxBroker]]:
    app = Celery("elsewhere", broker=URL, set_as_current=False, changes={"outbox": alias})
    broker = Elsewhere(app.clock)
    yield broker, with_outbox(app, broker)
    OutboxJob.objects.using(alias).all().delete()
    broker.close()


def a_job(id: str) -> Job:
    return Job(id=id, task="t", queue="celery", payload=b"[[1],{},{}]", run_at=2.5, headers={"a": 1})


def test_jobs_commit_and_roll_back_with_the_callers_transaction(alias: str, elsewhere: tuple[Elsewhere, OutboxBroker]) -> None:
    broker, outgoing = elsewhere
    with transaction.atomic(using=alias):
        outgoing.push([a_job("kept")])
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
            outgoing.push([a_job("undone")])
            raise ZeroDivisionError
        assert OutboxJob.objects.using(alias).count() == 1
        assert broker.get("kept") is None
    assert OutboxJob.objects.using(alias).count() == 0
    assert [job.id for job in broker.find({}, 10)] == ["kept"]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[SQLBroker]:
    """A queue in another database of the project than the one whose transactions count."""
    with database("there", ENGINE="django.db.backends.sqlite3", NAME=str(tmp_path / "there.sqlite3")) as name:
        broker = SQLBroker(name)
        yield broker
        broker.close()


def test_a_queue_in_another_database_of_the_project_is_a_broker_elsewhere(alias: str, there: SQLBroker) -> None:
    app = Celery("elsewhere", broker=f"django://{there.alias}", set_as_current=False, changes={"outbox": alias})
    outgoing = with_outbox(app, there)
    with pytest.raises(ZeroDivisionError), transaction.atomic(using=alias):
        outgoing.push([a_job("undone")])
        raise ZeroDivisionError
    assert there.get("undone") is None
    with transaction.atomic(using=alias):
        outgoing.push([a_job("kept")])
        assert there.get("kept") is None
    assert there.get("kept") is not None
    assert OutboxJob.objects.using(alias).count() == 0
    with transaction.atomic(using=there.alias):  # a row of that transaction, as it is of any
        outgoing.push([a_job("own")])
        assert there.get("own") is not None
        transaction.set_rollback(True, using=there.alias)
    assert there.get("own") is None
    assert outbox_of(app.settings, there) is not None, "its workers send what a crash left"
    assert outbox_of(app.settings, SQLBroker(alias)) is None, "and nobody where the queue is in that database itself"


def test_what_a_crash_left_is_sent_once_it_is_old_by_the_clock_of_the_database(
    alias: str, elsewhere: tuple[Elsewhere, OutboxBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, outgoing = elsewhere
    monkeypatch.setattr(OutboxBroker, "_send", lambda *ignored: None)  # the process dies after COMMIT
    with transaction.atomic(using=alias):
        outgoing.push([a_job("1"), a_job("2")])
    outbox = Outbox(alias, URL)
    assert outbox.send(broker.push) == 0
    OutboxJob.objects.using(alias).update(created=Now() - timedelta(seconds=10))
    assert outbox.send(broker.push) == 2
    assert outbox.send(broker.push) == 0
    sent = broker.get("2")
    assert sent is not None
    assert (sent.payload, sent.headers) == (b"[[1],{},{}]", {"a": 1})
