from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from celeriac import progress, shared_task
from celeriac.app import Celery
from celeriac.eager import MOST_ATTEMPTS
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.request import current_request
from celeriac.exceptions import Ignore, Reject, TaskRevokedError
from celeriac.result import AsyncResult, EagerResult


@pytest.fixture(autouse=True)
def _eager(app: Celery) -> None:
    app.conf.task_always_eager = True


def test_delay_runs_at_once_and_enqueues_nothing(app: Celery, broker: MemoryBroker) -> None:
    result = app.task(name="add")(lambda a, b: a + b).delay(1, 2)
    assert isinstance(result, EagerResult)
    assert isinstance(result, AsyncResult)
    assert (result.get(), result.state, result.ready(), result.successful(), result.exists()) == (
        3,
        "SUCCESS",
        True,
        True,
        True,
    )
    assert (result.name, result.children, result.traceback) == ("add", [], None)
    assert broker.counts() == {}


def test_arguments_arrive_as_a_worker_gets_them(app: Celery) -> None:
    seen: list[Any] = []
    task = app.task(lambda *args: seen.extend(args))
    task.delay((1, 2), dt.date(2026, 1, 2), {3: "x"})
    assert seen == [[1, 2], dt.date(2026, 1, 2), {"3": "x"}]
    with pytest.raises(TypeError, match="is not JSON"):
        task.delay(object())
    with pytest.raises(TypeError, match="cannot be called so"):
        app.task(name="none")(lambda: None).delay(1)


def test_the_value_is_the_one_returned(app: Celery) -> None:
    assert app.task(lambda: (1, 2)).delay().get() == (1, 2)


def test_a_result_that_a_worker_could_not_keep_fails_here_too(app: Celery) -> None:
    assert app.task(object).delay().state == "FAILURE"
    assert app.task(ignore_result=True, name="ignored")(object).delay().state == "SUCCESS"


def test_an_error_is_in_the_result_and_raised_by_get(app: Celery) -> None:
    result = app.task(lambda: {}["k"]).delay()
    assert (result.state, type(result.result)) == ("FAILURE", KeyError)
    assert "KeyError" in (result.traceback or "")
    assert isinstance(result.get(propagate=False), KeyError)
    for ask in (result.get, result.maybe_throw, lambda: asyncio.run(result.aget())):
        with pytest.raises(KeyError):
            ask()


@pytest.mark.parametrize("how", ["setting", "throw"])
def test_errors_are_raised_at_the_call_where_that_is_asked_for(app: Celery, how: str) -> None:
    task = app.task(lambda: {}["k"])
    app.conf.task_eager_propagates = how == "setting"
    with pytest.raises(KeyError):
        task.delay() if how == "setting" else task.apply(throw=True)
    assert task.apply(throw=False).state == "FAILURE"


def test_retries_run_again_at_once(app: Celery) -> None:
    tries: list[int] = []

    @app.task(bind=True, max_retries=5, default_retry_delay=3600)
    def flaky(self: Any) -> int:
        tries.append(self.request.retries)
        assert self.request.is_eager
        if len(tries) < 3:
            raise self.retry(exc=OSError())
        return len(tries)

    assert flaky.delay().get() == 3
    assert tries == [0, 1, 2]


def test_retries_end_at_their_limit(app: Celery) -> None:
    manual = app.task(bind=True, max_retries=2, name="manual")(lambda self: self.retry(exc=OSError("over")))
    by_itself = app.task(autoretry_for=(ZeroDivisionError,), max_retries=2, name="auto")(lambda: 1 / 0)
    with pytest.raises(OSError, match="over"):
        manual.delay().get()
    with pytest.raises(ZeroDivisionError):
        by_itself.delay().get()


def test_a_task_that_is_retried_for_ever_comes_back_to_its_caller(app: Celery) -> None:
    tries: list[int] = []
    endless = app.task(bind=True, max_retries=None)(lambda self: (tries.append(1), self.retry()))
    assert endless.delay().state == "RETRY"
    assert len(tries) == MOST_ATTEMPTS + 1


def test_a_retry_with_other_arguments(app: Celery) -> None:
    task = app.task(bind=True)(lambda self, n: n if n > 3 else self.retry(args=(n + 1,)))
    assert task.delay(1).get() == 4


@pytest.mark.parametrize(
    ("error", "state"), [(Ignore(), "IGNORED"), (Reject("x"), "FAILURE"), (Reject(requeue=True), "REJECTED")]
)
def test_steering(app: Celery, error: Exception, state: str) -> None:
    def body() -> None:
        raise error

    assert app.task(body).delay().state == state


def test_linked_callbacks_run_too(app: Celery) -> None:
    seen: list[Any] = []
    note = app.task(name="note")(lambda *args: seen.append(args))
    app.task(name="one")(lambda: 1).apply_async(link=note.s("after"))
    app.task(name="bad")(lambda: 1 / 0).apply_async(link_error=note.si("failed"))
    assert seen == [(1, "after"), ("failed",)]


def test_tasks_inside_tasks_run_inside(app: Celery) -> None:
    @app.task(bind=True)
    def inner(self: Any) -> list[Any]:
        return [self.request.is_eager, self.request.parent_id, outer.request.id]

    @app.task(bind=True)
    def outer(self: Any) -> list[Any]:
        with __import__("celeriac").allow_join_result():
            return [self.request.id, *inner.delay().get()]

    id, eager, parent, seen = outer.delay().get()
    assert (eager, parent, seen) == (True, id, id)
    assert current_request.get() is None


def test_waiting_for_another_inside_a_task_is_refused_here_too(app: Celery) -> None:
    inner = app.task(name="inner")(lambda: 1)
    outer = app.task(name="outer")(lambda: inner.delay().get())
    with pytest.raises(RuntimeError, match=r"result\.get\(\) within a task"):
        outer.delay().get()
    app.conf.task_eager_propagates = True
    app.task(name="fine")(lambda: inner.delay().state).delay()


@pytest.mark.parametrize("where", ["task", "call", "setting"])
def test_a_result_that_a_worker_would_not_keep_is_none(app: Celery, where: str) -> None:
    app.conf.task_ignore_result = where == "setting"
    task = app.task(name="t", **({"ignore_result": True} if where == "task" else {}))(lambda: 42)
    result = task.apply_async(**({"ignore_result": True} if where == "call" else {}))
    assert (result.get(), result.result, result.state) == (None, None, "SUCCESS")
    assert task.apply_async(ignore_result=False).get() == 42
    assert task.apply().get() == 42, "apply() asks for the value itself"


def test_neither_time_limits_nor_delays_nor_rate_limits_apply(app: Celery) -> None:
    app.conf.update(task_time_limit=0.001, task_soft_time_limit=0.001)

    @app.task(name="t", rate_limit="1/h")
    def slow() -> int:
        return sum(1 for _ in range(200_000))

    results = [slow.apply_async(countdown=3600) for _ in range(2)]
    assert [result.get() for result in results] == [200_000, 200_000]


def test_a_link_gets_the_result_and_an_error_link_the_error(app: Celery) -> None:
    seen: list[Any] = []

    @app.task(name="tell")
    def tell(request: Any, error: Any, traceback: Any) -> None:
        seen.append((request.id, type(error), "ZeroDivisionError" in traceback))

    twice = app.task(name="twice")(lambda n: seen.append(n * 2))
    app.task(name="one")(lambda: 21).apply_async(link=twice.s())
    bad = app.task(name="bad")(lambda: 1 / 0).apply_async(link_error=tell.s())
    assert seen == [42, (bad.id, ZeroDivisionError, True)]


def test_by_default_an_eager_job_leaves_no_record(app: Celery, broker: MemoryBroker) -> None:
    assert broker.get(app.task(lambda: 1).delay().id) is None


def test_an_eager_job_leaves_a_record_where_that_is_asked_for(app: Celery, broker: MemoryBroker) -> None:
    app.conf.task_store_eager_result = True
    good = app.task(name="good")(lambda n: n + 1).delay(1)
    bad = app.task(name="bad", autoretry_for=(ZeroDivisionError,), max_retries=2)(lambda: 1 / 0).delay()
    stored = app.AsyncResult(good.id)
    assert (stored.state, stored.get(timeout=5), stored.name, stored.args) == ("SUCCESS", 2, "good", [1])
    stored = app.AsyncResult(bad.id)
    assert (stored.state, stored.retries, "ZeroDivisionError" in (stored.traceback or "")) == ("FAILURE", 2, True)
    assert broker.claim(["celery"], 5, enrolled(broker)) == []


def test_a_task_decides_for_itself_whether_it_leaves_a_record_and_an_ignored_result_leaves_none(
    app: Celery, broker: MemoryBroker
) -> None:
    assert broker.get(app.task(name="kept", store_eager_result=True)(lambda: 1).delay().id) is not None
    app.conf.task_store_eager_result = True
    assert broker.get(app.task(name="not", store_eager_result=False)(lambda: 1).delay().id) is None
    assert broker.get(app.task(name="ignored", ignore_result=True)(lambda: 1).delay().id) is None


def enrolled(broker: MemoryBroker) -> str:
    broker.join(WorkerInfo(id="w", name="w", host="h", pid=1, pool="solo", concurrency=1, queues=["celery"]), 1e9)
    broker.enrol("w", "c")
    return "c"


def test_progress_is_kept_on_the_result(app: Celery) -> None:
    assert app.task(lambda: progress(2, 5, "half")).delay().progress == {"done": 2, "total": 5, "message": "half"}


def test_coroutines_run_with_and_without_a_loop_around(app: Celery) -> None:
    @app.task
    async def body(n: int) -> int:
        await asyncio.sleep(0)
        return n * 2

    async def call() -> Any:
        return body.delay(4).get()

    assert (body.delay(3).get(), asyncio.run(call())) == (6, 8)


def test_ctrl_c_ends_the_caller_and_not_just_the_task(app: Celery) -> None:
    def body() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        app.task(body).delay()


def test_a_revoked_eager_result_says_so(app: Celery) -> None:
    result = app.task(lambda: 1).delay()
    result.revoke()
    assert result.state == "REVOKED"
    with pytest.raises(TaskRevokedError):
        result.get()
    result.forget()


def test_apply_takes_an_id_headers_and_retries(app: Celery) -> None:
    @app.task(bind=True)
    def look(self: Any) -> list[Any]:
        return [self.request.id, self.request.headers, self.request.retries]

    assert look.apply(task_id="mine", headers={"a": 1}, retries=2).get() == ["mine", {"a": 1}, 2]


def test_shared_tasks_follow_the_current_app(app: Celery) -> None:
    @shared_task
    def everywhere() -> int:
        return 7

    assert everywhere.delay().get() == 7


@pytest.mark.django_db(transaction=True)
def test_a_transactional_task_that_fails_is_rolled_back_here_too(app: Celery, django_user_model: Any) -> None:
    app.conf.broker_url = "django://default"

    @app.task(transactional=True)
    def sign_up(name: str) -> None:
        django_user_model.objects.create(username=name)
        if name == "bad":
            raise ValueError

    assert (sign_up.delay("good").state, sign_up.delay("bad").state) == ("SUCCESS", "FAILURE")
    assert [user.username for user in django_user_model.objects.all()] == ["good"]
