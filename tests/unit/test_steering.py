"""What a task may say about its own job: ``Ignore``, ``Reject``, states of its own (celery.md 1.2 and 1.4)."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac import states
from celeriac.app import Celery
from celeriac.exceptions import Ignore, Reject
from tests.unit.conftest import Worker


def test_an_ignored_job_ends_without_a_result_and_without_hooks(app: Celery, worker: Worker) -> None:
    told: list[str] = []

    class Telling(app.Task):  # type: ignore[name-defined,misc]  # a property of the app, as Celery has it
        def on_success(self, *args: Any) -> None:
            told.append("success")

        def on_failure(self, *args: Any) -> None:
            told.append("failure")

        def after_return(self, *args: Any) -> None:
            told.append("return")

    @app.task(base=Telling)
    def body() -> None:
        raise Ignore("nothing to do")

    result = body.delay()
    worker.run_all()
    assert (result.state, result.result, result.get(), result.ready()) == (states.IGNORED, None, None, True)
    assert (result.successful(), result.failed()) == (False, False)
    assert told == []


def test_a_state_of_its_own_stays_when_the_task_then_ignores_its_result(app: Celery, worker: Worker) -> None:
    @app.task(bind=True)
    def body(self: Any) -> None:
        self.update_state(state="PROGRESS", meta={"done": 1})
        self.update_state(state="SKIPPED", meta={"why": "holiday"})
        raise Ignore

    result = body.delay()
    worker.run_all()
    assert (result.state, result.info, result.result, result.get()) == ("SKIPPED", *[{"why": "holiday"}] * 3)


def test_a_failure_that_the_task_writes_itself_is_one(app: Celery, worker: Worker) -> None:
    @app.task(bind=True)
    def body(self: Any) -> None:
        self.update_state(state=states.FAILURE, meta={"exc_type": "LookupError", "exc_message": ["no such shop"], "shop": 3})
        raise Ignore

    result = body.delay()
    worker.run_all()
    assert (result.state, result.failed()) == ("FAILURE", True)
    with pytest.raises(LookupError, match="no such shop"):
        result.get()


def test_a_rejected_job_fails_and_says_why(app: Celery, worker: Worker) -> None:
    @app.task
    def body() -> None:
        raise Reject("not mine")

    result = body.delay()
    worker.run_all()
    assert result.state == "FAILURE"
    assert len(result.attempts()) == 1
    with pytest.raises(Reject, match="not mine"):
        result.get()


def test_a_job_that_is_rejected_with_requeue_runs_again_at_once_and_that_is_no_retry(app: Celery, worker: Worker) -> None:
    retries: list[int] = []

    @app.task(bind=True, max_retries=0)
    def body(self: Any) -> str:
        retries.append(self.request.retries)
        if len(retries) < 4:
            raise Reject("not yet", requeue=True)
        return "done"

    result = body.delay()
    worker.run_one()
    assert (result.state, result.ready()) == ("PENDING", False)
    worker.run_all()
    assert (retries, result.get(), result.retries) == ([0] * 4, "done", 0)
