from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from celeriac import Signature, maybe_signature, signature, subtask
from celeriac.app import Celery
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.codec import decode_payload
from celeriac.exceptions import NotInThisVersion
from tests.unit.conftest import Worker


@pytest.fixture
def task(app: Celery) -> Any:
    return app.task(name="t")(lambda *args, **kwargs: [list(args), kwargs])


def test_a_signature_is_a_dict_that_json_can_hold(task: Any) -> None:
    made = task.s(1, b=2).set(queue="mail")
    assert json.loads(json.dumps(made)) == {
        "task": "t", "args": [1], "kwargs": {"b": 2}, "options": {"queue": "mail"}, "subtask_type": None, "immutable": False,
    }  # fmt: skip
    assert (made.task, made.name, made.args, made.kwargs, made.options, made.type) == (
        "t",
        "t",
        [1],
        {"b": 2},
        {"queue": "mail"},
        task,
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda t: signature("t", (1,)),
        lambda t: signature(t, (1,)),
        lambda t: signature(dict(t.s(1))),
        lambda t: subtask(t.s(1)),
    ],
)
def test_a_signature_is_made_of_a_name_a_task_or_a_dict(task: Any, make: Any) -> None:
    made = make(task)
    assert isinstance(made, Signature)
    assert made == task.s(1)
    assert made() == [[1], {}]


def test_what_is_no_signature_stays_as_it_is(task: Any) -> None:
    assert maybe_signature(None) is None
    assert maybe_signature(task.s(1)) == task.s(1)
    assert isinstance(maybe_signature(dict(task.s(1))), Signature)


def test_arguments_given_later_go_first_and_keywords_and_options_win(task: Any) -> None:
    made = task.signature((1,), {"a": 1, "b": 1}, queue="mail", priority=1)
    clone = made.clone((2,), {"b": 2}, priority=9)
    assert (clone.args, clone.kwargs, clone.options) == ([2, 1], {"a": 1, "b": 2}, {"queue": "mail", "priority": 9})
    assert (made.args, made.options) == ([1], {"queue": "mail", "priority": 1})
    assert made(0) == [[0, 1], {"a": 1, "b": 1}]


def test_an_immutable_signature_ignores_arguments_given_later(task: Any, worker: Worker) -> None:
    made = task.si(1)
    assert (made.immutable, made.clone((2,)).args) == (True, [1])
    result = made.apply_async((5,))
    worker.run_all()
    assert result.get() == [[1], {}]


def test_calling_a_signature_enqueues_runs_or_calls(task: Any, worker: Worker) -> None:
    made = task.s(2)
    first, second = made.delay(1, x=3), made.apply_async((0,), countdown=5)
    worker.run_all()
    assert (first.get(), second.get()) == ([[1, 2], {"x": 3}], [[0, 2], {}])
    assert made.apply((1,)).get() == [[1, 2], {}]


def test_options_of_a_signature_reach_the_job(task: Any, broker: MemoryBroker) -> None:
    result = task.s(1).set(queue="mail", task_id="mine", priority=3).delay()
    job = broker.get("mine")
    assert job is not None
    assert (result.id, job.queue, job.priority) == ("mine", "mail", 3)


def test_freezing_settles_the_id_before(task: Any) -> None:
    made = task.s(1)
    result = made.freeze()
    assert (made.id, made.delay(), made.freeze()) == (result.id, result.id, result.id)


def test_a_signature_of_a_task_unknown_here_is_sent_by_name(app: Celery, broker: MemoryBroker) -> None:
    result = app.signature("far.away", (1,), queue="far").delay()
    job = broker.get(result.id)
    assert job is not None
    assert (job.task, job.queue) == ("far.away", "far")


def test_copies_are_independent_and_a_pickled_one_is_equal(task: Any) -> None:
    made = task.s(1).set(link=[task.s()])
    for copied in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):  # noqa: S301 - our own bytes
        assert copied == made
        copied.set(queue="x")
        copied.link(task.s(5))
    assert "queue" not in made.options
    assert len(made.options["link"]) == 1


def test_it_is_shown_as_a_call(task: Any) -> None:
    assert repr(task.s(1, "a", b=2)) == "t(1, 'a', b=2)"


@pytest.mark.parametrize("combine", [lambda s: s | s, lambda s: "x" | s])
def test_workflows_are_refused_with_a_sentence(task: Any, combine: Any) -> None:
    with pytest.raises(NotInThisVersion, match="not in this version"):
        combine(task.s())


def test_a_signature_of_a_workflow_is_refused() -> None:
    with pytest.raises(NotInThisVersion, match="'chain' signature"):
        signature({"task": "celery.chain", "subtask_type": "chain"})


# -- links -----------------------------------------------------------------------------------------------------------------


def test_a_callback_gets_the_result_and_its_own_arguments(app: Celery, task: Any, worker: Worker) -> None:
    @app.task
    def first() -> dict[str, int]:
        return {"n": 1}

    result = first.apply_async(link=[task.s(10, x=2), task.si("alone")])
    worker.run_all()
    one, two = result.children
    assert (one.get(), two.get()) == ([[{"n": 1}, 10], {"x": 2}], [["alone"], {}])
    assert one.parent == result


def test_links_can_be_put_on_a_signature_once_each(app: Celery, task: Any, worker: Worker) -> None:
    made = task.s(1)
    made.link(task.s("next"))
    made.link(task.s("next"))
    assert made.on_error(task.s("error")) is made
    assert [len(made.options[name]) for name in ("link", "link_error")] == [1, 1]
    assert [str(link) for link in made.flatten_links()] == ["t(1)", "t('next')"]
    result = made.delay()
    worker.run_all()
    assert [child.get() for child in result.children] == [[[[[1], {}], "next"], {}]]


def test_callbacks_go_on_to_their_own_callbacks(app: Celery, task: Any, worker: Worker) -> None:
    last = task.s("last")
    result = task.apply_async(("first",), link=task.s("second").set(link=[last]))
    worker.run_all()
    (second,) = result.children
    (third,) = second.children
    assert third.get()[0][1] == "last"
    record = third.record()
    assert record is not None
    assert record.root == result.id


def test_no_callback_runs_after_a_failure_or_a_retry(app: Celery, task: Any, worker: Worker) -> None:
    @app.task(bind=True, max_retries=1)
    def flaky(self: Any) -> None:
        raise self.retry(countdown=1, exc=ValueError())

    result = flaky.apply_async(link=task.s())
    worker.run_all()
    assert (result.state, result.children) == ("FAILURE", [])


def test_the_id_of_a_follow_up_is_the_same_however_often_it_is_settled(
    app: Celery, task: Any, worker: Worker, broker: MemoryBroker
) -> None:
    task.apply_async(link=task.s("next"))
    (job,) = broker.claim(["celery"], 1, "c")
    app.finalize()
    once, twice = worker.runner().run(job), worker.runner().run(job)
    assert once.follow_ups[0].id == twice.follow_ups[0].id != job.id
    broker.settle([once, twice])
    broker.settle([twice])
    assert len(broker.find({"parent": job.id}, 10)) == 1


def test_an_error_callback_of_one_parameter_gets_the_id(app: Celery, worker: Worker) -> None:
    failing = app.task(name="failing")(lambda: 1 / 0)
    seen: list[Any] = []
    handler = app.task(name="handler")(lambda id: seen.append(id) or None)
    result = failing.apply_async(link_error=handler.s())
    worker.run_all()
    assert seen == [result.id]


def test_an_error_callback_of_three_gets_request_exception_and_traceback(app: Celery, worker: Worker) -> None:
    seen: list[Any] = []

    @app.task
    def failing(n: int) -> None:
        raise KeyError("k", n)

    @app.task
    def handler(request: Any, exc: Exception, traceback: str, note: str = "") -> None:
        seen.extend([request.id, request.args, type(exc), exc.args, "KeyError" in traceback, note])

    result = failing.apply_async((5,), link_error=handler.s(note="mine"))
    worker.run_all()
    assert seen == [result.id, [5], KeyError, ("k", 5), True, "mine"]


def test_an_immutable_error_callback_gets_nothing(app: Celery, task: Any, worker: Worker) -> None:
    failing = app.task(name="failing")(lambda: 1 / 0)
    result = failing.apply_async(link_error=task.si("only"))
    worker.run_all()
    assert [child.get() for child in result.children] == [[["only"], {}]]


def test_a_link_that_cannot_be_enqueued_is_logged_and_the_job_ends_as_it_did(
    app: Celery, task: Any, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    result = task.apply_async((1,), link=[{**task.s(), "options": {"priority": 1000}}, task.s("fine")])
    worker.run_all()
    assert result.get() == [[1], {}]
    assert len(result.children) == 1
    assert "callback-0 of t" in caplog.text


def test_links_of_a_task_unknown_here_travel_all_the_same(app: Celery, task: Any, worker: Worker, broker: MemoryBroker) -> None:
    result = task.apply_async((1,), link=signature("far.away", queue="far"))
    worker.run_all()
    (job,) = broker.find({"queue": "far"}, 10)
    assert (job.task, job.parent, decode_payload(job.payload)[0]) == ("far.away", result.id, [[[1], {}]])


def test_a_callback_gets_a_result_larger_than_a_caller_may_send(app: Celery, task: Any, worker: Worker) -> None:
    app.conf.max_payload_bytes = 1000
    big = app.task(name="big")(lambda: "x" * 5000)
    result = big.apply_async(link=task.s())
    worker.run_all()
    assert len(result.children[0].get()[0][0]) == 5000
