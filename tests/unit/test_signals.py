from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from celeriac import signals
from celeriac.app import Celery
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.job import Job
from celeriac.exceptions import Reject
from celeriac.signals import Signal
from celeriac.testing.clock import FakeClock
from tests.unit.conftest import Worker


@pytest.fixture
def signal() -> Signal:
    return Signal("test")


class Ear:
    """Hears every task signal and remembers name and arguments."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, signal: Signal, **named: Any) -> None:
        self.heard.append((signal.name, named))

    def names(self) -> list[str]:
        return [name for name, _ in self.heard]


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    all_signals = [value for name, value in vars(signals).items() if isinstance(value, Signal) and "task" in name]
    for one in all_signals:
        one.connect(ear)
    yield ear
    for one in all_signals:
        one.disconnect(ear)


# -- the class -------------------------------------------------------------------------------------------------------------


def test_a_receiver_gets_sender_signal_and_arguments(signal: Signal) -> None:
    @signal.connect
    def receiver(**named: Any) -> str:
        return f"{named['sender']} {named['a']} {named['signal'] is signal}"

    assert signal.send(sender="s", a=1) == [(receiver, "s 1 True")]


def test_connect_is_a_decorator_with_arguments_too(signal: Signal) -> None:
    @signal.connect(sender="mine")
    def receiver(**_: Any) -> int:
        return 1

    assert [len(signal.send(sender=sender)) for sender in ("mine", "other", None)] == [1, 0, 0]
    assert (signal.has_listeners("mine"), signal.has_listeners("other")) == (True, False)


def test_a_receiver_connected_twice_is_called_once(signal: Signal) -> None:
    def receiver(**_: Any) -> None: ...
    def again(**_: Any) -> None: ...

    signal.connect(receiver)
    signal.connect(receiver)
    signal.connect(receiver, dispatch_uid="x")
    signal.connect(again, dispatch_uid="x")
    assert len(signal.receivers) == 2


def test_a_disconnected_receiver_is_not_called(signal: Signal) -> None:
    def receiver(**_: Any) -> None: ...

    signal.connect(receiver, sender="a")
    assert not signal.disconnect(receiver)
    assert signal.disconnect(receiver, sender="a")
    assert not signal.receivers


def test_a_method_is_connected_once_and_found_again(signal: Signal) -> None:
    ear = Ear()
    signal.connect(ear.__call__)
    signal.connect(ear.__call__)
    assert len(signal.receivers) == 1
    assert signal.disconnect(ear.__call__)


def test_a_weak_receiver_is_forgotten_with_its_owner_and_a_strong_one_is_not(signal: Signal) -> None:
    class Owner:
        def hear(self, **_: Any) -> str:
            return "heard"

    weak, strong = Owner(), Owner()
    signal.connect(weak.hear, weak=True)
    signal.connect(strong.hear)
    assert len(signal.send()) == 2
    del weak, strong
    gc.collect()
    assert len(signal.send()) == 1


def test_a_receiver_that_raises_is_logged_and_the_others_are_told(signal: Signal, caplog: pytest.LogCaptureFixture) -> None:
    def broken(**_: Any) -> None:
        raise ValueError("receiver")

    signal.connect(broken)
    signal.connect(lambda **_: "fine")
    (_, error), (_, answer) = signal.send()
    assert (type(error), answer) == (ValueError, "fine")
    assert "A receiver of the signal test raised" in caplog.text


def test_a_task_may_be_named_by_its_name_and_a_name_by_its_task(app: Celery, signal: Signal) -> None:
    task = app.task(name="t")(lambda: None)
    signal.connect(lambda **_: None, sender=task)
    assert len(signal.send(sender="t")) == 1
    assert len(signal.send(sender=task)) == 1
    assert len(signal.send(sender="other")) == 0


# -- what is told ----------------------------------------------------------------------------------------------------------


def test_a_success_from_the_call_to_the_end(app: Celery, worker: Worker, ear: Ear, clock: FakeClock) -> None:
    task = app.task(name="t")(lambda a, b: (clock.advance(2), a + b)[1])
    result = task.apply_async((1,), {"b": 2}, queue="celery")
    worker.run_all()
    assert ear.names() == [
        "before_task_publish", "after_task_publish", "task_received", "task_prerun", "task_success", "task_postrun",
    ]  # fmt: skip
    before, after, received, prerun, success, postrun = (named for _, named in ear.heard)
    assert received["request"].id == result.id
    assert (before["sender"], before["routing_key"], before["headers"]["id"]) == ("t", "celery", result.id)
    assert before["body"][:2] == after["body"][:2] == ([1], {"b": 2})
    assert (prerun["sender"], prerun["task"], prerun["task_id"], prerun["args"], prerun["kwargs"]) == (
        task,
        task,
        result.id,
        [1],
        {"b": 2},
    )
    assert (success["result"], success["runtime"]) == (3, 2.0)
    assert (postrun["retval"], postrun["state"]) == (3, "SUCCESS")


def test_a_failure_with_exception_and_traceback(app: Celery, worker: Worker, ear: Ear) -> None:
    app.task(lambda: {}["k"]).delay()
    worker.run_all()
    assert ear.names()[3:] == ["task_prerun", "task_failure", "task_postrun"]
    failure, postrun = ear.heard[4][1], ear.heard[5][1]
    assert isinstance(failure["exception"], KeyError)
    assert failure["traceback"] is failure["exception"].__traceback__
    assert "KeyError" in str(failure["einfo"])
    assert (postrun["state"], postrun["retval"]) == ("FAILURE", failure["exception"])


def test_a_retry(app: Celery, worker: Worker, ear: Ear) -> None:
    app.task(bind=True, max_retries=1)(lambda self: self.retry(exc=OSError("why"))).delay()
    worker.run_one()
    retry, postrun = ear.heard[4], ear.heard[5]
    assert (retry[0], retry[1]["reason"].exc.args, retry[1]["request"].retries) == ("task_retry", ("why",), 0)
    assert postrun[1]["state"] == "RETRY"


def test_an_expired_job_is_revoked_and_an_unknown_one_unknown(app: Celery, worker: Worker, ear: Ear, clock: FakeClock) -> None:
    task = app.task(name="t")(lambda: None)
    result = task.apply_async(expires=1)
    app.send_task("nobody")
    clock.advance(2)
    worker.run_all()
    (_, revoked), (_, unknown) = ear.heard[4:]
    assert ear.names()[4:] == ["task_revoked", "task_unknown"]
    assert (revoked["sender"], revoked["request"].id, revoked["expired"], revoked["terminated"]) == (
        task,
        result.id,
        True,
        False,
    )
    assert unknown["name"] == "nobody"


def test_a_rejected_job(app: Celery, worker: Worker, ear: Ear) -> None:
    def body() -> None:
        raise Reject(requeue=True)

    app.task(body).delay()
    worker.run_one()
    assert "task_rejected" in ear.names()


def test_a_header_that_a_receiver_adds_travels_with_the_job(app: Celery, worker: Worker) -> None:
    def add(headers: dict[str, Any], **_: Any) -> None:
        headers["trace"] = "abc"
        headers["own"] += 1

    seen: list[Any] = []
    task = app.task(bind=True)(lambda self: seen.append((self.request.trace, self.request.headers)))
    signals.before_task_publish.connect(add)
    try:
        task.apply_async(headers={"own": 1})
    finally:
        signals.before_task_publish.disconnect(add)
    worker.run_all()
    assert seen == [("abc", {"trace": "abc", "own": 2})]


def test_eager_tasks_are_told_of_too(app: Celery, ear: Ear) -> None:
    app.task(lambda: 1).apply()
    assert ear.names() == ["task_prerun", "task_success", "task_postrun"]


def test_bulk_tells_of_each_job(app: Celery, ear: Ear, broker: MemoryBroker) -> None:
    app.task(lambda n: n).bulk([(1,), (2,)])
    assert ear.names() == ["before_task_publish"] * 2 + ["after_task_publish"] * 2


def test_a_callback_is_announced_by_the_job_that_it_follows(app: Celery, worker: Worker, ear: Ear) -> None:
    note = app.task(name="note")(lambda value: value)
    app.task(name="t")(lambda: 1).apply_async(link=note.s())
    worker.run_one()
    announced = [named["sender"] for name, named in ear.heard if name == "before_task_publish"]
    assert announced == ["t", "note"]


def test_a_job_that_cannot_be_read_is_rejected(broker: MemoryBroker, app: Celery, worker: Worker, ear: Ear) -> None:
    app.task(name="t")(lambda: None)
    broker.push([Job(id="1", task="t", queue="celery", payload=b"{")])
    worker.run_one()
    [(name, named)] = ear.heard
    assert (name, named["message"].id, type(named["exc"]).__name__) == ("task_rejected", "1", "UnreadablePayload")


@pytest.mark.parametrize("transactional", [False, True])
def test_an_error_of_the_engine_over_a_job_fails_the_job_and_is_told_as_such(
    app: Celery, worker: Worker, ear: Ear, transactional: bool
) -> None:
    wrong = {"max_retries": "three"}
    task = app.task(name="t", autoretry_for=(KeyError,), retry_kwargs=wrong, transactional=transactional)(lambda: {}["k"])
    result = task.delay()
    worker.run_one()
    assert ear.names()[3:] == ["task_prerun", "task_internal_error", "task_failure", "task_postrun"]
    error, failure = ear.heard[4][1], ear.heard[5][1]
    assert (error["sender"], error["task_id"], error["request"].id) == (task, result.id, result.id)
    assert isinstance(error["exception"], TypeError)
    assert failure["exception"] is error["exception"]
    assert (result.state, type(result.result)) == ("FAILURE", TypeError)
