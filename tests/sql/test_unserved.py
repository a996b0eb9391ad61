"""In development, the first call of a queue that nobody serves: the look at the workers is outside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections, transaction

from celeriac.app import Celery
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.testing.conformance.scenario import a_worker


@pytest.fixture
def task(alias: str, settings: Any) -> Iterator[Any]:
    """A task whose jobs go to the database in question, in development."""
    settings.DEBUG = True
    app = Celery("unserved", broker=f"django://{alias}", set_as_current=False)
    yield app.task(name="shop.pack")(lambda: None)
    app.close()


def test_the_worker_that_is_missing_is_spoken_of_after_the_commit(
    alias: str, task: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with transaction.atomic(using=alias):
        task.apply_async(queue="default")
        assert caplog.messages == []
    [warning] = caplog.messages
    assert warning.endswith("Start one: python manage.py celeriac worker -Q default")


def test_a_worker_that_serves_the_queue_is_seen(task: Any, others: SQLBroker, caplog: pytest.LogCaptureFixture) -> None:
    a_worker(others)
    task.apply_async(queue="default")
    assert caplog.messages == []


def test_a_look_that_fails_breaks_neither_the_call_nor_its_transaction(
    alias: str, task: Any, others: SQLBroker, caplog: pytest.LogCaptureFixture
) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("alter table celeriac_worker rename to elsewhere")
    try:
        with transaction.atomic(using=alias):
            inside = task.apply_async(queue="inside")
            assert others.get(inside.id) is None
        outside = task.apply_async(queue="outside")
        assert others.get(inside.id) is not None
        assert others.get(outside.id) is not None
        assert caplog.messages == []
    finally:
        with connections[alias].cursor() as cursor:
            cursor.execute("alter table elsewhere rename to celeriac_worker")
