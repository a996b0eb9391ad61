"""The error callbacks of a job whose process was killed: built by the keeper from the record, without the project's code."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac import signature
from celeriac.app import Celery
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.codec import decode_payload
from celeriac.engine.job import Job
from celeriac.engine.outcome import Failure
from celeriac.followups import follow_failure
from celeriac.testing.conformance.scenario import a_verdict
from tests.unit.conftest import Worker

KILLED = Failure(type="TimeLimitExceeded", module="celeriac.exceptions", message="The job ran past its limit.")


@pytest.fixture
def seen(app: Celery) -> list[Any]:
    """What error callbacks were called with: ``old`` takes an id, ``new`` what Celery's newer ones take."""
    seen: list[Any] = []

    @app.task(name="old")
    def old(id: str) -> None:
        seen.append(id)

    @app.task(name="new")
    def new(request: Any, error: Any, traceback: Any, more: int = 0) -> None:
        seen.append((request.id, request.args, request.kwargs, request.retries, type(error).__name__, str(error), more))

    return seen


@pytest.fixture
def body(app: Celery) -> Any:
    return app.task(name="body")(lambda *args, **kwargs: 1 / 0)


def record(broker: MemoryBroker, result: Any) -> Job:
    job = broker.get(result.id)
    assert job is not None
    return job


def kill(broker: MemoryBroker) -> None:
    """Let a child claim the next job and be killed over it, once and again."""
    [job] = broker.claim(["celery"], 1, "c")
    for _ in range(2):
        broker.rescue("c", verdicts=[a_verdict(job, failure=KILLED)], consequences=follow_failure)
    broker.enrol("w", "c")


def test_a_callback_of_one_parameter_gets_the_id(
    app: Celery, body: Any, seen: list[Any], worker: Worker, broker: MemoryBroker
) -> None:
    job = body.apply_async(link_error=app.tasks["old"].s())
    kill(broker)
    worker.run_all()
    assert seen == [job.id]


def test_a_callback_of_three_gets_request_exception_and_traceback(
    app: Celery, body: Any, seen: list[Any], worker: Worker, broker: MemoryBroker
) -> None:
    job = body.apply_async((1,), {"b": 2}, link_error=app.tasks["new"].s(more=5))
    kill(broker)
    worker.run_all()
    assert seen == [(job.id, [1], {"b": 2}, 0, "TimeLimitExceeded", "The job ran past its limit.", 5)]


def test_an_immutable_callback_gets_its_own_arguments_and_an_unknown_one_the_id(body: Any, broker: MemoryBroker) -> None:
    links = [signature("elsewhere", args=(7,), immutable=True), signature("elsewhere", args=(7,))]
    job = record(broker, body.apply_async(link_error=links))
    alone, told = follow_failure(job, KILLED)
    assert (decode_payload(alone.payload)[0], decode_payload(told.payload)[0]) == ([7], [job.id, 7])
    assert {(step.parent, step.root) for step in (alone, told)} == {(job.id, job.id)}


def test_callbacks_have_the_ids_that_an_attempt_would_give_them(
    app: Celery, body: Any, seen: list[Any], worker: Worker, broker: MemoryBroker
) -> None:
    job = record(broker, body.apply_async(link_error=[app.tasks["old"].s(), app.tasks["new"].s()]))
    outcome = worker.run_one()
    assert outcome is not None
    assert [step.id for step in follow_failure(job, KILLED)] == [step.id for step in outcome.follow_ups]


def test_what_a_link_cannot_be_is_logged_and_the_others_run(
    app: Celery, body: Any, seen: list[Any], broker: MemoryBroker, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = signature("elsewhere", options={"priority": "high"})
    job = record(broker, body.apply_async(link_error=[wrong, app.tasks["old"].s()]))
    [step] = follow_failure(job, KILLED)
    assert step.task == "old"
    assert f"The errback-0 of body[{job.id}] cannot be enqueued" in caplog.text


def test_a_record_that_cannot_be_read_has_no_callbacks(app: Celery, caplog: pytest.LogCaptureFixture) -> None:
    assert follow_failure(Job(id="x", task="body", queue="celery", payload=b"\x80"), KILLED) == ()
    assert "The error callbacks of body[x] cannot be read" in caplog.text


def test_routes_that_are_functions_are_not_called_and_written_ones_hold(
    app: Celery, body: Any, seen: list[Any], broker: MemoryBroker
) -> None:
    called: list[str] = []

    def route(name: str, *_: Any, **__: Any) -> None:
        called.append(name)

    app.conf.task_routes = [route, {"old": "errors"}]
    job = record(broker, body.apply_async(link_error=app.tasks["old"].s()))
    called.clear()
    [step] = follow_failure(job, KILLED)
    assert (step.queue, called) == ("errors", [])
