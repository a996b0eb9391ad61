"""What users' tests of Django's ``@task`` have: two backends for the settings, and ``override`` for both kinds of tasks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from celeriac import current
from celeriac.app import Celery
from celeriac.backend.djangotasks import TaskResultDoesNotExist, TaskResultStatus, signals, task_backends
from celeriac.testing import assert_enqueued, assert_not_enqueued, drain, override
from tests.unit import djangosample as sample
from tests.unit.djangosample import TASKS

RECORDING = {alias: {**params, "BACKEND": "celeriac.testing.backends.RecordingBackend"} for alias, params in TASKS.items()}
IMMEDIATE = {alias: {**params, "BACKEND": "celeriac.testing.backends.ImmediateBackend"} for alias, params in TASKS.items()}


@pytest.fixture(autouse=True)
def app() -> Iterator[Celery]:
    """An app whose broker no test can reach: what enqueues for real fails."""
    app = Celery("tests", broker="django://nowhere", set_as_current=False, config_source={})
    with current.current_app_is(app), sample.known_to(app):
        yield app


def test_a_recording_backend_keeps_what_is_enqueued() -> None:
    with override_settings(TASKS=RECORDING):
        backend: Any = task_backends["default"]
        first, second = sample.add.enqueue(1), sample.works_late.enqueue(2)
        assert backend.results == [first, second]
        assert (first.status, first.attempts) == (TaskResultStatus.READY, 0)
        assert backend.get_result(first.id) is first
        backend.clear()
        assert backend.results == []
        with pytest.raises(TaskResultDoesNotExist):
            backend.get_result(first.id)
        with pytest.raises(TypeError, match="cannot be called so"):
            sample.add.enqueue()


def test_an_immediate_backend_runs_at_once_with_retries() -> None:
    with override_settings(TASKS=IMMEDIATE):
        result = sample.works_late.enqueue(3)
        assert (result.status, result.return_value, result.attempts) == (TaskResultStatus.SUCCESSFUL, 3, 3)
        assert len(result.errors) == 2
        failed = sample.fails.enqueue()
        assert (failed.status, failed.errors[0].exception_class) == (TaskResultStatus.FAILED, sample.Broken)
        assert sample.fails.get_result(failed.id) is failed
        assert sample.add_async.enqueue(1, 2).return_value == 3


def test_both_say_that_something_was_enqueued() -> None:
    heard: list[Any] = []

    def receive(sender: Any, task_result: Any, **kwargs: Any) -> None:
        heard.append((sender.__name__, task_result.status))

    signals.task_enqueued.connect(receive)
    try:
        for tasks in (RECORDING, IMMEDIATE):
            with override_settings(TASKS=tasks):
                sample.add.enqueue(1)
    finally:
        signals.task_enqueued.disconnect(receive)
    assert heard == [("RecordingBackend", "READY"), ("ImmediateBackend", "READY")]


@override(mode="record")
def test_record_and_drain_serve_tasks_of_django_too() -> None:
    result = sample.works_late.enqueue(2)
    sample.elsewhere.enqueue()
    assert_enqueued(sample.works_late, [2], queue="default", count=1)
    assert_not_enqueued(sample.add)
    assert [outcome.state for outcome in drain()] == ["RETRY", "SUCCESS", "SUCCESS"]
    result.refresh()
    assert (result.return_value, result.attempts) == (2, 2)


@override(mode="eager")
def test_eager_serves_tasks_of_django_too() -> None:
    assert sample.add.enqueue(1, b=2).return_value == 3


@override(mode="worker")
def test_a_worker_in_the_test_serves_tasks_of_django_too() -> None:
    results = [sample.add.enqueue(1, b=2), sample.add_async.enqueue(3, 4), sample.works_late.using(backend="open").enqueue(1)]
    drain()
    for result in results:
        result.refresh()
    assert [result.return_value for result in results] == [3, 7, 1]
