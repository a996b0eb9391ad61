from __future__ import annotations

import asyncio
import pickle
import threading
from typing import Any

import pytest

from celeriac import Task, current_task, shared_task
from celeriac.app import Celery
from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.job import State
from celeriac.exceptions import (
    CeleryWarning,
    DuplicateTaskNameWarning,
    MaxRetriesExceededError,
    NotInThisVersion,
    Retry,
)
from celeriac.task import Task as TaskClass
from tests.unit.conftest import Worker

# -- declaring -------------------------------------------------------------------------------------------------------------


def test_a_task_is_named_after_its_module_and_function(app: Celery) -> None:
    @app.task
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    assert add.name == f"{__name__}.add"
    assert app.tasks[add.name] is add
    assert add(1, 2) == 3
    assert (add.__doc__, add.__name__, add.__module__) == ("Add.", "add", __name__)
    assert isinstance(add, Task)


def test_a_task_of_a_program_is_named_after_its_app() -> None:
    program = Celery("shop", set_as_current=False)
    assert program.gen_task_name("pay", "__main__") == "shop.pay"
    assert program.gen_task_name("pay", "shop.tasks") == "shop.tasks.pay"


def test_options_become_attributes_and_celerys_defaults_hold_otherwise(app: Celery) -> None:
    @app.task(name="custom", queue="mail", max_retries=7, retry_backoff=True, autoretry_for=(OSError,), colour="red")
    def send() -> None: ...

    assert (send.name, send.queue, send.max_retries, send.retry_backoff, send.autoretry_for) == (
        "custom",
        "mail",
        7,
        True,
        (OSError,),
    )
    assert send.colour == "red"  # type: ignore[attr-defined] - any other option is the project's own
    defaults = app.task(lambda: None)
    assert (defaults.max_retries, defaults.default_retry_delay, defaults.retry_backoff_max, defaults.retry_jitter) == (
        3,
        180,
        600,
        True,
    )
    assert (defaults.ignore_result, defaults.time_limit, defaults.acks_late, defaults.throws) == (None, None, None, ())


def test_a_bound_task_gets_itself(app: Celery) -> None:
    @app.task(bind=True)
    def who(self: Any, n: int) -> tuple[str, int]:
        return self.name, n

    assert who(4) == (who.name, 4)


def test_base_and_hooks_come_from_a_class_of_the_project(app: Celery) -> None:
    class Base(TaskClass[Any, Any]):
        abstract = True
        max_retries = 9

        def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None: ...

    @app.task(base=Base)
    def one() -> None: ...

    assert isinstance(one, Base)
    assert one.max_retries == 9
    assert one.overrides == {"on_failure"}


def test_a_class_may_be_a_task_by_itself(app: Celery) -> None:
    class Count(TaskClass[Any, Any]):
        name = "count"

        def run(self, n: int) -> int:
            return n + 1

    count = app.register_task(Count)
    assert (app.tasks["count"], count(2)) == (count, 3)


def test_a_task_without_run_says_so(app: Celery) -> None:
    class Empty(TaskClass[Any, Any]):
        name = "empty"

    with pytest.raises(NotImplementedError, match=r"empty must define run"):
        app.register_task(Empty())()


def test_decorating_twice_is_refused(app: Celery) -> None:
    @app.task
    def once() -> None: ...

    with pytest.raises(TypeError, match="applied twice"):
        app.task(once)


def test_of_two_functions_of_one_name_the_first_is_kept_with_a_warning(app: Celery) -> None:
    def first() -> None: ...
    def second() -> None: ...

    kept = app.task(name="same")(first)
    with pytest.warns(DuplicateTaskNameWarning, match="'same'"):
        app.task(name="same")(second)
    assert app.tasks["same"] is kept


def test_a_module_that_is_loaded_again_replaces_its_tasks(app: Celery) -> None:
    def declare() -> Any:
        @app.task(name="again")
        def body() -> None: ...

        return body

    first, second = declare(), declare()
    assert app.tasks["again"] is second is not first


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"max_retries": -1}, ValueError, "max_retries is -1"),
        ({"max_retries": "3"}, ValueError, "max_retries is '3'"),
        ({"soft_time_limit": 10, "time_limit": 5}, ValueError, "must be less than or equal"),
        ({"time_limit": "soon"}, ValueError, "time_limit is 'soon'"),
        ({"autoretry_for": ("OSError",)}, TypeError, "expected exception classes"),
        ({"pydantic": True}, NotInThisVersion, "pydantic"),
    ],
)
def test_options_that_cannot_be_are_refused_at_the_declaration(app: Celery, options: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        app.task(**options)(lambda: None)


def test_an_option_that_is_nearly_one_is_pointed_out(app: Celery) -> None:
    with pytest.warns(CeleryWarning, match="'max_retry'.*Did you mean 'max_retries'"):
        app.task(max_retry=3)(lambda: None)


def test_a_transactional_coroutine_is_refused_at_the_declaration(app: Celery) -> None:
    async def body() -> None: ...

    with pytest.raises(TypeError, match="async def, so it cannot be transactional"):
        app.task(transactional=True)(body)


def test_a_shared_task_is_in_every_app_made_before_or_after(app: Celery) -> None:
    @shared_task
    def everywhere() -> None: ...

    later = Celery("later", set_as_current=False)
    assert app.tasks[everywhere.name] is later.tasks[everywhere.name] is everywhere
    assert everywhere.app is app
    later.set_current()
    assert everywhere.app is later
    later.close()


def test_what_a_task_leaves_to_the_settings_is_there_once_the_app_is_finalized(app: Celery) -> None:
    plain = app.task(name="plain")(lambda: None)
    own = app.task(name="own", time_limit=3, ignore_result=False)(lambda: None)
    app.conf.update(task_time_limit=60, task_soft_time_limit=50, task_ignore_result=True)
    app.finalize()
    assert (plain.time_limit, plain.soft_time_limit, plain.ignore_result) == (60, 50, True)
    assert (own.time_limit, own.soft_time_limit, own.ignore_result) == (3, 50, False)
    with app.conf.override(task_time_limit=70):
        assert plain.time_limit == 70
    assert plain.time_limit == 60
    plain.time_limit = 5
    app.conf.task_time_limit = 80
    assert plain.time_limit == 5


def test_annotations_change_tasks_by_name(app: Celery) -> None:
    slow = app.task(name="slow")(lambda: None)
    app.conf.task_annotations = {"slow": {"max_retries": 1}, "*": {"default_retry_delay": 9}}
    app.finalize()
    assert (slow.max_retries, slow.default_retry_delay) == (1, 9)


def test_a_task_is_pickled_by_its_name(app: Celery) -> None:
    task = app.task(name="pickled")(lambda: None)
    assert pickle.loads(pickle.dumps(task)) is task  # noqa: S301 - our own bytes


# -- request and the current task ------------------------------------------------------------------------------------------


def test_called_directly_a_task_has_an_empty_request(app: Celery) -> None:
    @app.task(bind=True)
    def look(self: Any) -> Any:
        return self.request.called_directly, self.request.id, self.request.args, current_task.name

    assert look() == (True, None, (), look.name)
    assert look.request.called_directly
    assert not current_task


def test_in_a_job_the_request_tells_what_runs(app: Celery, worker: Worker) -> None:
    seen: dict[str, Any] = {}

    @app.task(bind=True)
    def look(self: Any, n: int) -> None:
        request = self.request
        seen.update(
            id=request.id,
            task=request.task,
            args=request.args,
            headers=request.headers,
            queue=request.delivery_info["routing_key"],
        )
        request.note = "kept on the request"
        seen.update(note=self.request.note, current=current_task.name)

    result = look.apply_async((3,), headers={"tenant": "a"})
    worker.run_all()
    assert seen == {
        "id": result.id, "task": look.name, "args": [3], "headers": {"tenant": "a"}, "queue": "celery",
        "note": "kept on the request", "current": look.name,
    }  # fmt: skip


def test_a_task_called_inside_another_sees_its_own_request_and_the_outer_one_keeps_its(app: Celery, worker: Worker) -> None:
    @app.task(bind=True)
    def inner(self: Any) -> Any:
        return self.request.called_directly, outer.request.id

    @app.task(bind=True)
    def outer(self: Any) -> Any:
        return [*inner(), self.request.called_directly, inner.request.called_directly]

    result = outer.delay()
    worker.run_all()
    assert result.get() == [True, result.id, False, True]


def test_threads_do_not_share_a_request(app: Celery, worker: Worker) -> None:
    @app.task(bind=True)
    def look(self: Any) -> bool:
        seen: list[bool] = []
        thread = threading.Thread(target=lambda: seen.append(self.request.called_directly))
        thread.start()
        thread.join()
        return seen[0]

    result = look.delay()
    worker.run_all()
    assert result.get() is True


def test_a_call_of_ones_own_wraps_the_body_in_worker_and_caller_alike(app: Celery, worker: Worker) -> None:
    class Wrapped(TaskClass[Any, Any]):
        calls = 0

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            type(self).calls += 1
            return super().__call__(*args, **kwargs)

    @app.task(base=Wrapped, bind=True)
    def body(self: Any) -> Any:
        return self.request.id

    result = body.delay()
    worker.run_all()
    assert (result.get(), type(body).calls) == (result.id, 1)
    assert (body(), type(body).calls) == (None, 2)


# -- retry -----------------------------------------------------------------------------------------------------------------


def test_retry_runs_the_same_job_again_after_a_while(app: Celery, worker: Worker, clock: Any) -> None:
    times: list[tuple[float, int]] = []

    @app.task(bind=True, default_retry_delay=20)
    def flaky(self: Any) -> str:
        times.append((clock.wall(), self.request.retries))
        if self.request.retries < 2:
            raise self.retry(exc=OSError("not yet"))
        return "done"

    start = clock.wall()
    result = flaky.delay()
    worker.run_one()
    assert (result.state, str(result.info)) == ("RETRY", "not yet")
    worker.run_all()
    assert [(round(at - start), retries) for at, retries in times] == [(0, 0), (20, 1), (40, 2)]
    assert (result.get(), result.retries) == ("done", 2)


@pytest.mark.parametrize(
    ("options", "seconds"), [({"countdown": 5}, 5), ({"countdown": 0}, 0), ({}, 180), ({"eta": "2040-01-01"}, None)]
)
def test_retry_takes_its_time_from_the_call_or_the_task(
    app: Celery, worker: Worker, clock: Any, options: Any, seconds: Any
) -> None:
    task = app.task(bind=True)(lambda self: self.retry(**options))
    task.delay()
    outcome = worker.run_one()
    assert outcome is not None
    assert outcome.run_at == (clock.wall() + seconds if seconds is not None else 2208988800.0)


def test_over_the_limit_retry_raises_the_error_or_max_retries_exceeded(app: Celery, worker: Worker) -> None:
    mine = app.task(bind=True, max_retries=1, name="mine")(lambda self: self.retry(exc=KeyError("k"), countdown=0))
    theirs = app.task(bind=True, max_retries=1, name="theirs")(lambda self, n: self.retry(countdown=0))
    first, second = mine.delay(), theirs.delay(4)
    worker.run_all()
    with pytest.raises(KeyError, match="k"):
        first.get()
    with pytest.raises(MaxRetriesExceededError, match=r"Can't retry theirs\[.*\] args:\(4,\)"):
        second.get()
    assert (first.retries, second.retries) == (1, 1)


def test_the_limit_may_be_given_with_the_retry(app: Celery, worker: Worker) -> None:
    task = app.task(bind=True, max_retries=0)(lambda self: self.retry(max_retries=2, countdown=0, exc=ValueError()))
    result = task.delay()
    worker.run_all()
    assert (result.state, result.retries) == ("FAILURE", 2)


def test_retry_may_change_arguments_limits_and_queue(app: Celery, worker: Worker) -> None:
    @app.task(bind=True)
    def shrink(self: Any, n: int, unit: str = "kg") -> list[Any]:
        if n > 1:
            raise self.retry(args=(n - 1,), kwargs={"unit": "g"}, countdown=0, queue="slow", soft_time_limit=3)
        return [n, unit, self.request.soft_time_limit, self.request.delivery_info["routing_key"], self.request.time_limit]

    result = shrink.apply_async((2,), time_limit=60)
    worker.run_one()
    worker.run_all("slow")
    assert result.get() == [1, "g", 3, "slow", 60]


def test_an_option_that_retry_does_not_have_is_an_error(app: Celery, worker: Worker) -> None:
    task = app.task(bind=True)(lambda self: self.retry(count_down=3))
    result = task.delay()
    worker.run_all()
    with pytest.raises(TypeError, match="Did you mean 'countdown'"):
        result.get()


def test_without_throw_the_retry_takes_effect_when_the_body_returns(app: Celery, worker: Worker) -> None:
    @app.task(bind=True)
    def body(self: Any) -> str:
        if not self.request.retries:
            again = self.retry(throw=False, countdown=1)
            assert isinstance(again, Retry)
        return "second"

    result = body.delay()
    worker.run_all()
    assert (result.get(), result.retries) == ("second", 1)


def test_called_directly_retry_raises_what_went_wrong(app: Celery) -> None:
    @app.task(bind=True)
    def body(self: Any, given: bool) -> None:
        try:
            raise OSError("cause")
        except OSError as error:
            raise self.retry(exc=ValueError("mine") if given else None) from error

    with pytest.raises(OSError, match="cause"):
        body(False)
    with pytest.raises(ValueError, match="mine"):
        body(True)
    with pytest.raises(Retry):
        app.task(bind=True)(lambda self: self.retry())()


def test_autoretry_goes_on_by_itself(app: Celery, worker: Worker) -> None:
    tries: list[int] = []

    @app.task(autoretry_for=(OSError,), retry_backoff=True, retry_jitter=False, max_retries=3)
    def body() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError
        return len(tries)

    result = body.delay()
    worker.run_all()
    assert (result.get(), result.retries) == (3, 2)
    assert [round((o.run_at or 0) - o.finished) for o in worker.outcomes][:2] == [1, 2]


# -- states and progress ---------------------------------------------------------------------------------------------------


def test_update_state_shows_while_the_job_runs_and_not_afterwards(app: Celery, worker: Worker) -> None:
    seen: list[Any] = []

    @app.task(bind=True)
    def body(self: Any) -> str:
        self.update_state(state="PROGRESS", meta={"done": 3, "at": __import__("datetime").date(2026, 1, 2)})
        other = self.AsyncResult(self.request.id)
        seen.extend([other.state, other.info["done"], str(other.info["at"]), other.ready()])
        return "end"

    result = body.delay()
    worker.run_all()
    assert seen == ["PROGRESS", 3, "2026-01-02", False]
    assert (result.state, result.info) == ("SUCCESS", "end")


def test_a_state_of_its_own_is_the_last_when_the_task_then_ignores_its_result(app: Celery, worker: Worker) -> None:
    from celeriac.exceptions import Ignore

    @app.task(bind=True)
    def body(self: Any) -> None:
        self.update_state(state="SKIPPED", meta={"why": "nothing to do"})
        raise Ignore

    result = body.delay()
    worker.run_all()
    assert (result.state, result.info, result.ready()) == ("SKIPPED", {"why": "nothing to do"}, True)


def test_update_state_is_about_the_job_that_runs_and_no_other(app: Celery, worker: Worker) -> None:
    task = app.task(bind=True)(lambda self: self.update_state(task_id="another", state="X"))
    result = task.delay()
    worker.run_all()
    with pytest.raises(ValueError, match="not another"):
        result.get()
    app.task(bind=True, name="direct")(
        lambda self: self.update_state(state="X")
    )()  # called directly there is no state to change


# -- coroutines ------------------------------------------------------------------------------------------------------------


def test_an_async_task_is_known_as_one_and_called_directly_gives_its_coroutine(app: Celery) -> None:
    @app.task
    async def body(n: int) -> int:
        return n * 2

    assert body.is_async
    assert asyncio.run(body(4)) == 8
    assert body.apply((5,)).get() == 10


def test_adelay_and_aget(app: Celery, worker: Worker) -> None:
    @app.task
    def double(n: int) -> int:
        return n * 2

    async def call() -> int:
        result = await double.adelay(4)
        await asyncio.to_thread(worker.run_all)
        other = await double.aapply_async((1,), queue="elsewhere")
        assert other.queue == "elsewhere"
        return await result.aget(timeout=5)

    assert asyncio.run(call()) == 8


# -- what there is not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["map", "starmap", "chunks", "replace", "add_to_chord"])
def test_workflow_methods_say_that_they_are_not_there(app: Celery, name: str) -> None:
    task = app.task(lambda: None)
    with pytest.raises(NotInThisVersion, match="not in this version"):
        getattr(task, name)(*([[1], 2] if name == "chunks" else [[1]]))


def test_settings_that_contradict_a_task_are_found_when_the_app_is_finalized(app: Celery) -> None:
    app.conf.update(task_time_limit=5, task_soft_time_limit=50)
    assert app.reading().settings.time_limit == 5
    app.conf.forget()
    with pytest.raises(ImproperlyConfigured, match="never be reached"):
        app.finalize()


def test_a_job_that_is_scheduled_waits(app: Celery, worker: Worker) -> None:
    result = app.task(lambda: 1).apply_async(countdown=60)
    assert worker.run_one() is None
    assert result.state == "PENDING"
    record = result.record()
    assert record is not None
    assert record.state is State.SCHEDULED
