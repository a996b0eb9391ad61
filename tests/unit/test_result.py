from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from celeriac import allow_join_result
from celeriac.app import Celery
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.outcome import Failure
from celeriac.exceptions import (
    JobParked,
    NotInThisVersion,
    TaskFailed,
    TaskRevokedError,
    TimeLimitExceeded,
    TimeoutError,  # noqa: A004 - Celery's public name
    WorkerLostError,
)
from celeriac.rebuild import exception_from
from celeriac.result import AsyncResult, result_from_tuple
from celeriac.testing.clock import FakeClock
from tests.unit.conftest import Worker


class ShopError(Exception):
    """An exception of the project's own."""


@pytest.fixture
def do(app: Celery, worker: Worker) -> Callable[..., AsyncResult[Any]]:
    """Enqueue and run a function as a job."""

    def do(function: Callable[..., Any], *args: Any, **options: Any) -> AsyncResult[Any]:
        result = app.task(name=f"task-{len(app.tasks)}", **options)(function).delay(*args)
        worker.run_all()
        return result

    return do


Do = Callable[..., AsyncResult[Any]]


def fail(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def test_the_text_of_a_result_is_its_id() -> None:
    result = AsyncResult[Any]("abc")
    assert (str(result), f"{result}", repr(result), result.id, result.task_id) == (
        "abc",
        "abc",
        "<AsyncResult: abc>",
        "abc",
        "abc",
    )


def test_results_are_equal_by_id() -> None:
    one, same, other = AsyncResult[Any]("a"), AsyncResult[Any]("a"), AsyncResult[Any]("b")
    assert one == same == "a"
    assert one != other
    assert len({one, same, other}) == 2
    assert one.__eq__(5) is NotImplemented


def test_a_result_without_an_id_is_refused() -> None:
    with pytest.raises(ValueError, match="not None"):
        AsyncResult(None)  # type: ignore[arg-type] - the case


def test_a_result_is_pickled_by_its_id() -> None:
    result = AsyncResult[Any]("a", parent=AsyncResult[Any]("p"))
    for copied in (pickle.loads(pickle.dumps(result)), copy.copy(result)):  # noqa: S301 - our own bytes
        assert (copied, copied.as_list()) == (result, ["a", "p"])


def test_an_unknown_id_is_pending(app: Celery) -> None:
    result = app.AsyncResult("nothing")
    assert (result.state, result.result, result.traceback, result.ready(), result.exists()) == (
        "PENDING",
        None,
        None,
        False,
        False,
    )
    assert (result.name, result.args, result.date_done, result.retries, result.queue, result.progress) == (None,) * 6
    with pytest.raises(TimeoutError, match="had not ended after 0 s; it is PENDING"):
        result.get(timeout=0)


def test_before_it_ran_a_known_job_tells_what_it_will_do(app: Celery) -> None:
    result = app.task(name="t")(lambda *args, **kwargs: None).apply_async((1,), {"b": 2}, queue="mail")
    assert (result.state, result.exists(), result.ready()) == ("PENDING", True, False)
    assert (result.name, result.args, result.kwargs, result.queue, result.retries) == ("t", [1], {"b": 2}, "mail", 0)


def test_a_success(do: Do, clock: FakeClock) -> None:
    result = do(lambda a: {"sum": a + 1}, 4)
    assert (result.state, result.status, result.result, result.info) == ("SUCCESS", "SUCCESS", {"sum": 5}, {"sum": 5})
    assert (result.ready(), result.successful(), result.failed(), result.get()) == (True, True, False, {"sum": 5})
    assert (result.worker, result.date_done) == ("w@test", datetime.fromtimestamp(clock.wall(), UTC))
    assert result.maybe_throw() == {"sum": 5}


def test_an_ended_job_is_asked_for_once(do: Do, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    result = do(lambda: 1)
    assert result.state == "SUCCESS"
    monkeypatch.setattr(broker, "get", lambda id: pytest.fail("asked again"))
    assert (result.get(), result.ready(), result.queue) == (1, True, "celery")


def test_a_failure_of_pythons_own_comes_back_as_itself(do: Do) -> None:
    result = do(fail(KeyError("missing")))
    assert (result.state, result.ready(), result.successful(), result.failed()) == ("FAILURE", True, False, True)
    with pytest.raises(KeyError, match="missing"):
        result.get()
    assert isinstance(result.get(propagate=False), KeyError)
    assert "KeyError: 'missing'" in (result.traceback or "")
    with pytest.raises(KeyError):
        result.maybe_throw()


def test_a_failure_of_the_projects_own_is_not_imported_but_keeps_its_name(do: Do) -> None:
    error = do(fail(ShopError("sold out", 3))).result
    assert not isinstance(error, ShopError)
    assert isinstance(error, TaskFailed)
    assert (type(error).__name__, str(error), error.args) == ("ShopError", "('sold out', 3)", ("sold out", 3))
    assert error.original == f"{__name__}.ShopError"
    assert type(error) is type(do(fail(ShopError("again"))).result)


def failure(module: str, name: str, *arguments: object, message: str = "m") -> Exception:
    return exception_from(Failure(type=name, module=module, message=message, arguments=list(arguments)))


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("subprocess", "Popen"), ("builtins", "eval"), ("builtins", "print"), ("builtins", "SystemExit"),
     ("builtins", "KeyboardInterrupt"), ("celeriac.exceptions", "import_module"), ("celeriac.exceptions", "__loader__"),
     ("builtins", "int"), ("x", "a\x00b"), ("", "")],
)  # fmt: skip
def test_a_name_that_is_no_exception_of_the_closed_lists_is_never_used(module: str, name: str) -> None:
    error = failure(module, name, "echo hacked")
    assert isinstance(error, TaskFailed)
    assert str(error) == "m"


def test_an_exception_that_wants_other_arguments_is_still_itself_or_at_least_shown() -> None:
    for name in ("UnicodeDecodeError", "ExceptionGroup", "OSError", "StopIteration"):
        error = failure("builtins", name, "one")
        assert type(error).__name__ == name
        assert str(error)


def test_exceptions_of_celeriac_come_back_as_themselves() -> None:
    assert str(failure("celeriac.engine.errors", "TimeLimitExceeded", 5)) == str(TimeLimitExceeded(5.0))
    assert isinstance(failure("celeriac.exceptions", "WorkerLostError", message="gone"), WorkerLostError)
    assert "No task is registered as 'x'" in str(failure("celeriac.engine.errors", "NotRegistered", "x"))


def test_a_callback_of_get_is_told(do: Do) -> None:
    told: list[Any] = []
    do(lambda: 1).get(callback=lambda id, value: told.append(value))
    assert told == [1]


def test_get_is_woken_when_the_job_ends(app: Celery, worker: Worker) -> None:
    result = app.task(lambda: "late").delay()
    got: list[Any] = []
    waiting = threading.Thread(target=lambda: got.append(result.get(timeout=20)))
    waiting.start()
    worker.run_all()
    waiting.join(timeout=20)
    assert got == ["late"]


@pytest.mark.parametrize("where", ["task", "call"])
def test_get_of_a_result_that_is_not_kept_is_none_at_once(app: Celery, where: str) -> None:
    task = app.task(ignore_result=where == "task")(lambda: 1)
    result = task.apply_async(**({"ignore_result": True} if where == "call" else {}))
    assert result.get() is None


def test_get_inside_a_task_is_refused(do: Do, app: Celery, worker: Worker) -> None:
    other = do(lambda: 1)
    with pytest.raises(RuntimeError, match=r"Never call result.get\(\) within a task"):
        do(lambda: other.get(timeout=1)).get()

    def knowing() -> Any:
        with allow_join_result():
            return other.get()

    assert do(knowing).get() == 1
    assert do(lambda: other.get(disable_sync_subtasks=False)).get() == 1


def test_a_waiting_job_can_be_revoked(app: Celery, worker: Worker) -> None:
    result = app.task(lambda: 1).delay()
    result.revoke()
    assert worker.run_all() == []
    assert (result.state, result.ready(), result.failed()) == ("REVOKED", True, False)
    with pytest.raises(TaskRevokedError):
        result.get()
    assert isinstance(result.info, TaskRevokedError)


def test_jobs_can_be_revoked_through_the_app(app: Celery) -> None:
    task = app.task(lambda: 1)
    results = [task.delay(), task.delay(), task.delay()]
    assert app.control.revoke(results[0].id) == 1
    assert app.control.purge() == 2
    assert {result.state for result in results} == {"REVOKED"}
    with pytest.raises(NotInThisVersion, match="inspect"):
        app.control.pool_grow(1)


def test_workers_are_inspected_through_the_app_without_being_asked(app: Celery, worker: Worker) -> None:
    task = app.task(name="shop.add")(lambda: 1)
    task.apply_async(countdown=60)
    assert app.control.ping() == [{"w@test": {"ok": "pong"}}]
    inspect = app.control.inspect()
    assert [job["request"]["name"] for job in inspect.scheduled()["w@test"]] == ["shop.add"]
    assert "shop.add" in inspect.registered()["w@test"]
    assert app.control.inspect(destination=["v@test"]).ping() is None
    with pytest.raises(NotInThisVersion, match="active, scheduled"):
        inspect.memdump()


def test_a_paused_queue_gives_nothing(app: Celery, worker: Worker) -> None:
    app.task(lambda: 1).delay()
    app.control.pause("celery")
    assert worker.run_one() is None
    app.control.resume("celery")
    assert worker.run_one() is not None


def test_a_parked_job_is_pending_and_get_says_why(app: Celery, worker: Worker) -> None:
    result = app.send_task("nobody.knows")
    worker.run_all()
    assert (result.state, result.ready()) == ("PENDING", False)
    with pytest.raises(JobParked, match=r"nobody.knows\[.*\] is parked: No task is registered as 'nobody.knows'"):
        result.get()
    app.task(name="nobody.knows")(lambda: "now")
    assert app.control.unpark(result.id) == 1
    worker.run_all()
    assert result.get() == "now"


def test_an_ended_job_can_be_forgotten(do: Do) -> None:
    result = do(lambda: 1)
    result.forget()
    assert (result.state, result.exists()) == ("PENDING", False)


def test_progress_is_what_the_task_said_last(app: Celery, worker: Worker) -> None:
    from celeriac import progress

    seen: list[Any] = []

    @app.task(bind=True)
    def body(self: Any) -> None:
        mine = app.AsyncResult(self.request.id)
        seen.append(mine.progress)
        progress(1, 4, "first")
        seen.append(mine.progress)
        progress(4)
        seen.append((mine.progress, mine.state))

    result = body.delay()
    worker.run_all()
    last = {"done": 4, "total": None, "message": ""}
    assert seen == [None, {"done": 1, "total": 4, "message": "first"}, (last, "STARTED")]
    assert result.progress == last


def test_progress_outside_a_job_does_nothing_and_wants_numbers_inside(do: Do) -> None:
    from celeriac import progress

    progress(1, 2, "nobody listens")
    with pytest.raises(TypeError, match="progress: done is 'x'"):
        do(lambda: progress("x")).get()  # type: ignore[arg-type] - the case


def test_collect_walks_through_the_jobs_a_job_enqueued(app: Celery, worker: Worker) -> None:
    leaf = app.task(name="leaf")(lambda n: n)

    @app.task
    def first() -> str:
        leaf.delay(1)
        leaf.delay(2)
        return "root"

    result = first.delay()
    worker.run_all()
    assert [value for _, value in result.collect()] == ["root", 1, 2]
    assert result.get_leaf() == 2


def test_a_result_survives_as_a_tuple(app: Celery) -> None:
    result = AsyncResult[Any]("a", parent=AsyncResult[Any]("p"))
    again = result_from_tuple(result.as_tuple())
    assert (again, again.parent) == ("a", "p")
    with pytest.raises(NotInThisVersion, match="groups"):
        result_from_tuple((("g", None), [(("a", None), None)]))


def test_the_log_of_each_attempt_is_kept(app: Celery, worker: Worker) -> None:
    import logging

    from celeriac.engine.worker.joblog import JobLogHandler

    handler = JobLogHandler(limit=1000)
    logging.getLogger().addHandler(handler)
    try:

        @app.task(bind=True)
        def body(self: Any) -> None:
            logging.getLogger("shop").warning("attempt %d", self.request.retries)
            if not self.request.retries:
                raise self.retry(countdown=1)

        result = body.delay()
        worker.run_all()
    finally:
        logging.getLogger().removeHandler(handler)
    logs = [attempt.log or "" for attempt in result.attempts()]
    assert [log.endswith(f"WARNING shop: attempt {n}") for n, log in enumerate(logs)] == [True, True]
