"""``task_annotations``: options that the settings give to tasks (celery.md 1.9, with the options of 1.2)."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac.app import Celery
from celeriac.engine.errors import ImproperlyConfigured
from tests.unit.conftest import Worker


class Careful:
    """An annotation in the form of an object."""

    def annotate(self, task: Any) -> Any:
        return {"max_retries": 9} if task.name.startswith("careful.") else None

    def annotate_any(self) -> Any:
        return {"default_retry_delay": 5}


@pytest.mark.parametrize(
    "annotations",
    [Careful(), [Careful()], Careful, "tests.unit.test_annotations.Careful", ["tests.unit.test_annotations.Careful"]],
    ids=["object", "list", "class", "dotted name", "dotted names"],
)
def test_an_object_may_annotate_some_tasks_and_all(app: Celery, annotations: Any) -> None:
    app.conf.task_annotations = annotations
    careful, other = app.task(name="careful.a")(lambda: None), app.task(name="b")(lambda: None)
    app.finalize()
    assert (careful.max_retries, careful.default_retry_delay) == (9, 5)
    assert (other.max_retries, other.default_retry_delay) == (3, 5)


def test_options_given_by_name_win_over_those_for_all_and_over_the_decorators(app: Celery) -> None:
    app.conf.task_annotations = {"*": {"time_limit": 5, "priority": 1}, "slow": {"time_limit": 60, "rate_limit": "10/s"}}
    slow, fast = app.task(name="slow", time_limit=1, rate_limit=1)(lambda: None), app.task(name="fast")(lambda: None)
    app.finalize()
    assert (slow.time_limit, slow.priority, slow.rate_limit, slow.apart) == (60, 1, "10/s", 0.1)
    assert (fast.time_limit, fast.priority, fast.rate_limit, fast.apart) == (5, 1, None, 0.0)


def test_of_several_annotations_the_first_that_knows_the_task_counts(app: Celery) -> None:
    app.conf.task_annotations = [{"a": {"priority": 1}}, {"a": {"priority": 2}, "b": {"priority": 2}, "*": {"max_retries": 7}}]
    a, b = app.task(name="a")(lambda: None), app.task(name="b")(lambda: None)
    app.finalize()
    assert (a.priority, a.max_retries, b.priority) == (1, 7, 2)


def test_tasks_declared_later_are_annotated_too(app: Celery) -> None:
    app.conf.task_annotations = {"late": {"priority": 4}}
    app.finalize()
    assert app.task(name="late")(lambda: None).priority == 4


def test_a_function_becomes_a_method_and_a_hook_is_called(app: Celery, worker: Worker) -> None:
    told: list[Any] = []

    def on_failure(self: Any, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        told.append((self.name, type(exc), task_id, args))

    app.conf.task_annotations = {"*": {"on_failure": on_failure}}
    result = app.task(name="bad")(lambda n: 1 / n).delay(0)
    worker.run_all()
    assert told == [("bad", ZeroDivisionError, result.id, [0])]


@pytest.mark.parametrize(
    ("annotations", "error", "text"),
    [
        ({"a": {"rate_limit": "10/fortnight"}}, ValueError, "a: rate_limit is '10/fortnight'"),
        ({"a": {"time_limit": "long"}}, ValueError, "time_limit is 'long'"),
        ({"*": {"autoretry_for": ["ValueError"]}}, TypeError, "expected exception classes"),
        ([7], ImproperlyConfigured, "7 in CELERY_TASK_ANNOTATIONS"),
        ("no.such.thing", ImproperlyConfigured, "CELERY_TASK_ANNOTATIONS cannot be imported"),
    ],
)
def test_what_cannot_be_is_an_error_when_the_app_is_finalized(
    app: Celery, annotations: Any, error: type[Exception], text: str
) -> None:
    app.conf.task_annotations = annotations
    app.task(name="a")(lambda: None)
    with pytest.raises(error, match=text):
        app.finalize()
    app.conf.task_annotations = None  # an app lives on for a while, and takes in whatever later tests share
