"""Django's own ``@task`` on Celeriac's backend: what is refused, enqueued, run, told and remembered."""

from __future__ import annotations

import asyncio
import copy
import datetime as dt
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import django
import pytest
from django.core.checks.registry import registry
from django.test import override_settings
from django.utils import timezone
from django.utils.asyncio import async_unsafe

from celeriac import AsyncResult
from celeriac.app import Celery
from celeriac.backend import CeleriacBackend, CeleriacTask, task
from celeriac.backend.djangotasks import (
    InvalidTask,
    Task,
    TaskResultDoesNotExist,
    TaskResultMismatch,
    TaskResultStatus,
    checks,
    signals,
    task_backends,
)
from celeriac.backend.runnable import register, register_declared
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.errors import SoftTimeLimitExceeded, TaskRevokedError
from celeriac.engine.job import State
from celeriac.exceptions import QueueNotFound
from celeriac.queues import declared_queues
from celeriac.testing.clock import FakeClock
from tests.unit import djangosample as sample
from tests.unit.conftest import Worker
from tests.unit.djangosample import BACKEND, TASKS, Broken


@pytest.fixture(autouse=True)
def _tasks(app: Celery) -> Iterator[None]:
    with sample.known_to(app):
        yield


def job_of(broker: MemoryBroker, result: Any) -> Any:
    job = broker.get(result.id)
    assert job is not None
    return job


@contextmanager
def told(*names: str) -> Iterator[list[tuple[str, Any, str]]]:
    """Collect what Django's signals say: signal, sender, status."""
    heard: list[tuple[str, Any, str]] = []
    receivers = []
    for name in names or ("task_enqueued", "task_started", "task_finished"):

        def receive(sender: Any, task_result: Any, name: str = name, **kwargs: Any) -> None:
            heard.append((name, sender, str(task_result.status)))

        getattr(signals, name).connect(receive)
        receivers.append((name, receive))
    try:
        yield heard
    finally:
        for name, receive in receivers:
            getattr(signals, name).disconnect(receive)


def python(code: str) -> str:
    """Run code in a new interpreter, without this suite's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "CELER"))}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**kept, "PYTHONPATH": os.pathsep.join(sys.path)}, timeout=60, check=False, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.stdout


# -- what is a task --------------------------------------------------------------------------------------------------------


def test_django_s_own_tasks_are_taken_where_there_are_any() -> None:
    package = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
    assert {kind.__module__ for kind in (Task, type(task_backends))} == {f"{package}.base", package}


@pytest.mark.skipif(django.VERSION >= (6, 0), reason="Django has tasks of its own from 6.0")
def test_without_any_it_is_said_what_to_install() -> None:
    said = python("import sys; sys.modules['django_tasks'] = None; import celeriac.backend")
    assert said.splitlines()[-1].endswith('in the package django-tasks: pip install "celeriac[django52]".')


def test_a_task_is_declared_before_django_is_set_up_and_without_a_model() -> None:
    code = f"""
import sys
from django.conf import settings
settings.configure(TASKS={TASKS!r}, INSTALLED_APPS=["celeriac"])
from celeriac.backend import task
from celeriac.backend.djangotasks import task_backends
def module_level(): ...
assert task(module_level).get_backend() is task_backends["default"]
from django.apps import apps
print(apps.ready, "celeriac.models" in sys.modules)
"""
    assert python(code) == "False False\n"


def test_the_backend_supports_everything() -> None:
    backend = task_backends["default"]
    flags = [name for name in dir(backend) if name.startswith("supports_")]
    assert {"supports_defer", "supports_async_task", "supports_get_result", "supports_priority"} <= set(flags)
    assert all(getattr(backend, name) is True for name in flags)


def test_a_task_is_one_of_django_and_is_still_its_function() -> None:
    assert isinstance(sample.add, Task)
    assert isinstance(sample.add, CeleriacTask)
    assert (sample.add.name, sample.add.module_path) == ("add", "tests.unit.djangosample.add")
    assert sample.add.call(1, b=2) == 3
    assert sample.add_async.call(1, b=2) == 3
    assert asyncio.run(sample.add_async.acall(1, 2)) == 3
    assert asyncio.run(sample.add.acall(1, 2)) == 3


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"priority": 101}, "whole number between -100 and 100"),
        ({"priority": -101}, "whole number between -100 and 100"),
        ({"priority": 1.5}, "whole number"),
        ({"queue_name": "unknown"}, "Queue 'unknown' is not valid"),
        ({"run_after": dt.datetime(2026, 1, 1)}, "run_after must be an aware datetime"),  # noqa: DTZ001 - that is what is refused
        ({"run_after": 5}, "run_after is 5; expected an aware datetime or a timedelta"),
        ({"run_after": dt.timedelta(1), "queue_name": "unknown"}, "Queue 'unknown' is not valid"),
    ],
)
def test_using_refuses_what_cannot_be(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidTask, match=complaint):
        sample.add.using(**changes)


def test_only_a_function_of_a_module_is_a_task() -> None:
    def inner() -> None: ...

    for wrong in (inner, lambda: None, len, Broken):
        with pytest.raises(InvalidTask, match="module level"):
            task(wrong)


def test_a_task_with_context_takes_it_first() -> None:
    with pytest.raises(InvalidTask, match="first argument of 'context'"):
        replace(sample.add, takes_context=True)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"max_attempts": 0}, "max_attempts is 0; expected a whole number from 1 up"),
        ({"max_attempts": True}, "max_attempts is True"),
        ({"backoff": 5}, "backoff is 5; expected a function of"),
        ({"timeout": -1}, "timeout is -1; expected a number of seconds"),
        ({"expires": "tomorrow"}, "expires is 'tomorrow'; expected"),
        ({"transactional": "x"}, "transactional is 'x'; expected True or False"),
    ],
)
def test_options_that_cannot_be_are_refused_at_the_decorator(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidTask, match=complaint):
        task(**options)(unused)
    with pytest.raises(InvalidTask, match=complaint):  # the next time too: nothing was registered
        task(**options)(unused)


def test_a_misspelled_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"no option 'max_attempt'\. Did you mean 'max_attempts'"):
        task(max_attempt=3)(unused)
    with pytest.raises(TypeError, match="run_after"):
        if django.VERSION >= (6, 1):
            task(run_after=timezone.now())(unused)
        else:
            raise TypeError("run_after")


def test_a_coroutine_function_is_not_transactional() -> None:
    with pytest.raises(InvalidTask, match="is async def, so it cannot be transactional"):
        task(transactional=True)(unused_async)


def test_one_function_has_one_set_of_options() -> None:
    with pytest.raises(InvalidTask, match=r"djangosample\.add is a task already, with other options"):
        task(max_attempts=2)(sample.add.func)
    assert task(priority=3)(sample.add.func).priority == 3


def test_using_returns_a_changed_copy() -> None:
    later = timezone.now()
    changed = sample.add.using(priority=-3, queue_name="mail", run_after=later, backend="open", metadata={"a": 1})
    assert (changed.priority, changed.queue_name, changed.run_after, changed.backend) == (-3, "mail", later, "open")
    assert changed.metadata == {"a": 1}
    assert sample.add == task(sample.add.func)
    assert hash(changed) != hash(sample.add)
    assert copy.deepcopy(changed) == changed


@pytest.mark.skipif(django.VERSION < (6, 1), reason="Django pickles tasks from 6.1")
def test_a_task_is_pickled_by_its_path() -> None:
    changed = sample.works_late.using(priority=3)
    assert pickle.loads(pickle.dumps(changed)) == changed  # noqa: S301 - made one line above


def unused() -> None: ...


async def unused_async() -> None: ...


# -- enqueueing ------------------------------------------------------------------------------------------------------------


def test_a_job_is_enqueued_as_its_task_says(app: Celery, broker: MemoryBroker) -> None:
    result = sample.echo.enqueue(1, (2, b"three"), key={"a": None})
    assert (result.status, result.task, result.backend) == (TaskResultStatus.READY, sample.echo, "default")
    assert (result.args, result.kwargs) == ([1, [2, "three"]], {"key": {"a": None}})
    assert (result.attempts, result.worker_ids, result.errors, result.is_finished) == (0, [], [], False)
    assert (result.started_at, result.finished_at, result.last_attempted_at) == (None, None, None)
    assert abs(result.enqueued_at - timezone.now()) < dt.timedelta(minutes=1)
    assert len(result.id) < 64
    job = job_of(broker, result)
    assert (job.task, job.queue, job.priority, job.state) == ("tests.unit.djangosample.echo", "mail", 7, State.WAITING)
    assert job.headers is None  # a plain job says nothing that its task does not


def test_using_decides_over_the_job(broker: MemoryBroker, clock: FakeClock) -> None:
    due = dt.datetime.fromtimestamp(clock.wall() + 60, dt.UTC)
    result = sample.add.using(priority=-100, queue_name="mail", run_after=due).enqueue(1)
    job = job_of(broker, result)
    assert (job.priority, job.queue, job.state, job.run_at) == (-100, "mail", State.SCHEDULED, due.timestamp())
    assert sample.add.get_result(result.id).task == result.task


def test_a_timedelta_counts_from_the_enqueueing(broker: MemoryBroker) -> None:
    soon = sample.add.using(run_after=dt.timedelta(days=40_000))
    assert soon.run_after == dt.timedelta(days=40_000)
    result = soon.enqueue(1)
    assert abs(result.task.run_after - timezone.now() - dt.timedelta(days=40_000)) < dt.timedelta(minutes=1)
    assert job_of(broker, result).run_at == result.task.run_after.timestamp()


def test_what_is_due_in_the_past_is_due_now(broker: MemoryBroker) -> None:
    result = sample.add.using(run_after=dt.datetime(1999, 1, 1, tzinfo=dt.UTC)).enqueue(1)
    assert job_of(broker, result).state is State.WAITING


def test_priorities_are_django_s_whatever_celery_s_are(app: Celery, broker: MemoryBroker) -> None:
    app.conf.reverse_priority = True
    assert job_of(broker, sample.add.using(priority=5.0).enqueue(1)).priority == 5


@pytest.mark.parametrize("wrong", [object(), {1, 2}, dt.date(2026, 1, 1)])
def test_arguments_that_are_not_json_are_refused_at_the_call(broker: MemoryBroker, wrong: Any) -> None:
    with pytest.raises(TypeError, match="Unsupported type"):
        sample.add.enqueue(wrong)
    with pytest.raises(TypeError, match="Unsupported type"):
        sample.add.enqueue(1, b=[wrong])
    assert broker.counts() == {}


def test_arguments_that_do_not_fit_are_refused_at_the_call(broker: MemoryBroker) -> None:
    for call in (sample.add.enqueue, lambda: sample.add.enqueue(1, c=2), lambda: sample.look.enqueue(1)):
        with pytest.raises(TypeError, match="cannot be called so"):
            call()
    assert broker.counts() == {}


def test_coroutines_enqueue_and_ask_too(app: Celery, broker: MemoryBroker, worker: Worker) -> None:
    async def use() -> Any:
        result = await sample.add.aenqueue(1, b=2)
        found = await sample.add.aget_result(result.id)
        await result.arefresh()
        return result, found

    result, found = asyncio.run(use())
    assert found.id == result.id
    assert found.status == result.status == TaskResultStatus.READY


def test_a_queue_of_its_own_where_any_is_allowed(app: Celery, broker: MemoryBroker) -> None:
    result = sample.elsewhere.enqueue()
    assert (result.backend, job_of(broker, result).queue) == ("open", "anything")
    assert task_backends["default"].get_result(result.id).backend == "open"
    other = sample.add.using(backend="open", queue_name="rare").enqueue(1)
    assert sample.add.get_result(other.id).backend == "open"


def test_a_worker_without_q_serves_the_queues_that_tasks_names(app: Celery) -> None:
    assert {"celery", "default", "mail", "anything"} <= set(declared_queues(app))
    with override_settings(TASKS={**TASKS, "third": {"BACKEND": BACKEND, "QUEUES": ["named-only-there"]}}):
        assert "named-only-there" in declared_queues(app)
    assert "named-only-there" not in declared_queues(app)


def test_a_queue_that_tasks_names_is_none_that_is_missing(app: Celery, broker: MemoryBroker) -> None:
    app.conf.task_create_missing_queues = False
    sample.add.using(queue_name="mail").enqueue(1)
    assert set(broker.counts()) == {"mail"}
    with pytest.raises(QueueNotFound, match=r"There is no queue 'mial'.*Did you mean 'mail'"):
        app.send_task("shop.pay", queue="mial")


def test_a_task_that_another_backend_made_is_enqueued_too(app: Celery, broker: MemoryBroker, worker: Worker) -> None:
    with override_settings(TASKS={"default": {"BACKEND": DUMMY}}):
        foreign = task(borrowed)
    assert not isinstance(foreign, CeleriacTask)
    result = foreign.enqueue(4)
    worker.run_all("default")
    result.refresh()
    assert result.return_value == 16


def test_a_worker_knows_the_tasks_of_other_backends(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(TASKS={"default": {"BACKEND": DUMMY}}):
        monkeypatch.setattr(sample, "foreign", task(lent), raising=False)
    assert app.tasks.get_task(f"{lent.__module__}.lent") is None
    register_declared()
    assert app.tasks.get_task(f"{lent.__module__}.lent") is not None


DUMMY = f"{Task.__module__.rpartition('.')[0]}.backends.dummy.DummyBackend"


def borrowed(number: int) -> int:
    return number * number


def lent() -> None: ...


def test_a_name_that_another_task_has_is_refused(app: Celery) -> None:
    own = task(taken)
    app.tasks.unregister(own.module_path)
    app.task(name=own.module_path)(lambda: None)
    with pytest.raises(InvalidTask, match="is the name of a task that @shared_task"):
        own.enqueue()


def taken() -> None: ...


# -- running ---------------------------------------------------------------------------------------------------------------


def run(worker: Worker, result: Any, queue: str = "default") -> Any:
    worker.run_all(queue)
    result.refresh()
    return result


def test_a_job_succeeds(worker: Worker) -> None:
    result = sample.add.enqueue(1, b=2)
    with pytest.raises(ValueError, match="not finished"):
        result.return_value  # noqa: B018 - asking raises
    run(worker, result)
    assert (result.status, result.return_value, result.is_finished) == (TaskResultStatus.SUCCESSFUL, 3, True)
    assert (result.attempts, result.worker_ids, result.errors) == (1, ["w@test"], [])
    assert result.enqueued_at <= result.started_at <= result.finished_at
    assert result.started_at == result.last_attempted_at


def test_a_job_fails_with_its_error(worker: Worker) -> None:
    result = run(worker, sample.fails.enqueue())
    assert (result.status, result.attempts, result.is_finished) == (TaskResultStatus.FAILED, 1, True)
    (error,) = result.errors
    assert error.exception_class is Broken
    assert "Broken: no" in error.traceback
    with pytest.raises(ValueError, match="failed"):
        result.return_value  # noqa: B018 - asking raises


@pytest.mark.parametrize(("what", "value"), [("bytes", "abc"), ("tuple", [1, 2]), ("date", dt.date(2026, 11, 21))])
def test_return_values_are_kept_as_json(worker: Worker, what: str, value: Any) -> None:
    assert run(worker, sample.returns.enqueue(what)).return_value == value


def test_a_return_value_that_is_not_json_fails_the_job(worker: Worker) -> None:
    result = run(worker, sample.returns.enqueue("set"))
    assert result.status == TaskResultStatus.FAILED
    assert issubclass(result.errors[0].exception_class, TypeError)


def test_a_coroutine_function_runs(app: Celery, broker: MemoryBroker, worker: Worker) -> None:
    results = [sample.add_async.enqueue(1, b=2), sample.look_async.enqueue()]
    app.finalize()
    jobs = broker.claim(["default"], 2, "c")
    broker.settle([asyncio.run(worker.runner().run_async(job)) for job in jobs])
    for result in results:
        result.refresh()
    assert [result.return_value for result in results] == [3, [1, results[1].id]]


def test_the_context_has_attempt_job_and_metadata(worker: Worker) -> None:
    result = run(worker, sample.look.using(metadata={"who": "ada"}).enqueue(save=True))
    assert result.return_value == [1, result.id, result.id, {"who": "ada", "seen": 1}]
    assert result.metadata == result.raw_metadata == {"who": "ada", "seen": 1}
    assert sample.look.using(metadata={"who": "bob"}).enqueue().metadata == {"who": "bob"}


def test_an_attempt_is_tried_again_as_the_options_say(worker: Worker, clock: FakeClock) -> None:
    began = clock.wall()
    result = run(worker, sample.fails_thrice.enqueue())
    assert (result.status, result.attempts, len(result.errors)) == (TaskResultStatus.FAILED, 3, 3)
    assert clock.wall() - began <= 3.01  # at most 1 and 2 s


def test_between_two_attempts_a_job_is_ready_again(worker: Worker) -> None:
    result = sample.works_late.enqueue(2)
    worker.run_one("default")
    result.refresh()
    assert (result.status, result.attempts, len(result.errors)) == (TaskResultStatus.READY, 1, 1)


def test_backoff_decides_when_and_whether(worker: Worker, clock: FakeClock) -> None:
    began = clock.wall()
    result = run(worker, sample.works_late.enqueue(3))
    assert (result.return_value, result.attempts, result.worker_ids) == (3, 3, ["w@test"] * 3)
    assert [error.exception_class for error in result.errors] == [Broken, Broken]
    assert sample.seen == [("Broken", 1, [Broken]), ("Broken", 2, [Broken, Broken])]
    assert 30 <= clock.wall() - began < 30.1
    assert result.metadata == {"attempt 1": 0, "attempt 2": 1, "attempt 3": 2}
    sample.seen.clear()
    gives_up = run(worker, sample.works_late.enqueue(1, other=True))
    assert (gives_up.status, gives_up.attempts) == (TaskResultStatus.FAILED, 1)
    sample.seen.clear()
    exhausted = run(worker, sample.works_late.enqueue(99))
    assert (exhausted.status, exhausted.attempts, len(sample.seen)) == (TaskResultStatus.FAILED, 4, 3)


def test_a_backoff_that_returns_nonsense_fails_the_job_and_says_so(worker: Worker) -> None:
    result = run(worker, sample.misjudged.enqueue())
    assert result.status == TaskResultStatus.FAILED
    assert "backoff() returned 'soon'; expected seconds" in result.errors[-1].traceback


def test_timeout_and_expiry_are_those_of_the_engine(
    app: Celery, broker: MemoryBroker, worker: Worker, clock: FakeClock
) -> None:
    runnable = register(sample.bounded)
    assert (runnable.soft_time_limit, runnable.time_limit) == (2.0, 7.0)
    job = job_of(broker, sample.bounded.enqueue())
    assert job.expires == clock.wall() + 60
    clock.advance(61)
    result = sample.bounded.get_result(job.id)
    run(worker, result)
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 0)  # it never ran
    assert (result.started_at, result.last_attempted_at, result.worker_ids) == (None, None, [])
    assert result.finished_at is not None
    assert [error.exception_class for error in result.errors] == [TaskRevokedError]


def test_a_retry_that_expires_counts_the_attempts_that_were(worker: Worker) -> None:
    result = sample.fails_and_expires.enqueue()
    worker.run_one("default")
    result.refresh()
    began = result.started_at
    run(worker, result)
    assert (result.status, result.attempts, result.worker_ids) == (TaskResultStatus.FAILED, 1, ["w@test"])
    assert (result.started_at, result.last_attempted_at) == (began, began)


def test_a_running_job_names_its_worker(broker: MemoryBroker, worker: Worker) -> None:
    result = sample.add.enqueue(1)
    assert broker.claim(["default"], 1, "c")
    result.refresh()
    assert (result.status, result.worker_ids) == (TaskResultStatus.RUNNING, ["w@test"])


def test_a_transactional_task_says_so_to_the_engine(app: Celery) -> None:
    assert register(sample.all_or_nothing).transactional is True
    assert register(sample.add).transactional is False


def test_jobs_are_signed_and_encrypted_as_any(app: Celery, broker: MemoryBroker, worker: Worker) -> None:
    app.conf.encryption_keys = ["a key of the tests"]
    app.conf.signing_keys = ["a signing key of the tests"]
    result = sample.look.using(priority=9, backend="open", metadata={"who": "ada"}).enqueue(save=True)
    job = job_of(broker, result)
    assert b"save" not in job.payload
    run(worker, result)
    assert (result.return_value[3], result.kwargs) == ({"who": "ada", "seen": 1}, {"save": True})


# -- both doors ------------------------------------------------------------------------------------------------------------


def test_each_door_enqueues_the_other(app: Celery, broker: MemoryBroker, worker: Worker) -> None:
    first = sample.from_django.enqueue()
    worker.run_all("default")
    worker.run_all("celery")
    worker.run_all("default")
    jobs = list(reversed(broker.find({}, 10)))
    assert [job.task.rpartition(".")[2] for job in jobs] == ["from_django", "from_celery", "add"]
    assert [job.parent for job in jobs] == [None, first.id, jobs[1].id]
    assert AsyncResult(jobs[2].id).get(timeout=1) == 2
    assert sample.add.get_result(jobs[2].id).return_value == 2
    assert AsyncResult(first.id).state == "SUCCESS"


def test_a_task_of_django_can_be_sent_by_its_name(app: Celery, worker: Worker) -> None:
    sent = app.send_task("tests.unit.djangosample.look", kwargs={"save": True})
    dated = app.send_task("tests.unit.djangosample.echo", [dt.date(2026, 11, 21)])
    worker.run_all("default")
    worker.run_all("mail")
    assert sample.look.get_result(sent.id).return_value[0] == 1
    assert sample.echo.get_result(dated.id).status == TaskResultStatus.SUCCESSFUL


def test_results_that_are_none(app: Celery) -> None:
    with pytest.raises(TaskResultDoesNotExist, match="no job with the id 'nothing'"):
        sample.add.get_result("nothing")
    with pytest.raises(TaskResultDoesNotExist):
        asyncio.run(task_backends["default"].aget_result("nothing"))
    celery = sample.from_celery.delay(1)
    with pytest.raises(TaskResultDoesNotExist, match=r"which is no task of Django's here: celeriac\.AsyncResult"):
        task_backends["default"].get_result(celery.id)
    other = sample.echo.enqueue()
    with pytest.raises(TaskResultMismatch):
        sample.add.get_result(other.id)
    with pytest.raises(TaskResultMismatch):
        asyncio.run(sample.add.aget_result(other.id))


def test_a_cancelled_job_has_failed(app: Celery, worker: Worker) -> None:
    result = sample.add.enqueue(1)
    AsyncResult(result.id).revoke()
    result.refresh()
    assert (result.status, result.is_finished) == (TaskResultStatus.FAILED, True)
    assert [error.exception_class for error in result.errors] == [TaskRevokedError]


# -- signals ---------------------------------------------------------------------------------------------------------------


def test_the_three_signals_are_sent_by_the_backend_s_class(worker: Worker) -> None:
    with told() as heard:
        sample.add.enqueue(1)
        assert heard == [("task_enqueued", CeleriacBackend, "READY")]
        worker.run_all("default")
    assert heard[1:] == [("task_started", CeleriacBackend, "RUNNING"), ("task_finished", CeleriacBackend, "SUCCESSFUL")]


def test_task_finished_is_sent_once_however_many_attempts(worker: Worker) -> None:
    with told("task_started", "task_finished") as heard:
        sample.fails_thrice.enqueue()
        worker.run_all("default")
    assert [(name, status) for name, _, status in heard] == [("task_started", "RUNNING")] * 3 + [("task_finished", "FAILED")]


def test_a_receiver_that_raises_harms_nobody_in_the_worker(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    def raises(**kwargs: Any) -> None:
        raise RuntimeError("mine")

    signals.task_started.connect(raises)
    try:
        assert run(worker, sample.add.enqueue(1)).return_value == 1
    finally:
        signals.task_started.disconnect(raises)
    assert "mine" in caplog.text


def test_a_receiver_may_use_the_database_also_of_a_coroutine(app: Celery, broker: MemoryBroker, worker: Worker) -> None:
    heard: list[str] = []

    @async_unsafe("as a database is on an event loop")  # type: ignore[untyped-decorator]  # django-stubs leave it so
    def receive(task_result: Any, **kwargs: Any) -> None:
        heard.append(task_result.status)

    signals.task_started.connect(receive)
    signals.task_finished.connect(receive)
    try:
        sample.add_async.enqueue(1, 2)
        app.finalize()
        asyncio.run(worker.runner().run_async(*broker.claim(["default"], 1, "c")))
    finally:
        signals.task_started.disconnect(receive)
        signals.task_finished.disconnect(receive)
    assert heard == ["RUNNING", "SUCCESSFUL"]


def test_a_receiver_sees_the_exception_and_the_error(worker: Worker) -> None:
    seen: list[Any] = []

    def receive(task_result: Any, **kwargs: Any) -> None:
        seen.append((sys.exc_info()[0], [error.exception_class for error in task_result.errors], task_result.attempts))

    signals.task_finished.connect(receive)
    try:
        sample.fails.enqueue()
        sample.add.enqueue(1)
        worker.run_all("default")
    finally:
        signals.task_finished.disconnect(receive)
    assert seen == [(Broken, [Broken], 1), (None, [], 1)]


def test_django_s_log_tells_of_a_failure_with_its_traceback(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger=signals.logger.name):
        result = sample.fails.enqueue()
        worker.run_all("default")
    lines = [record for record in caplog.records if record.name == signals.logger.name]
    assert [record.levelname for record in lines] == ["INFO", "ERROR"]
    assert result.id in lines[1].getMessage()
    assert lines[1].exc_info is not None
    assert lines[1].exc_info[0] is Broken


def test_a_worker_keeps_a_herald_only_where_somebody_listens() -> None:
    runnable = register(sample.add)
    assert runnable.told_when_killed is False
    with told("task_finished"):
        assert runnable.told_when_killed is True


# -- at once ---------------------------------------------------------------------------------------------------------------


def test_always_eager_runs_a_job_at_its_enqueueing(app: Celery, broker: MemoryBroker) -> None:
    app.conf.task_always_eager = True
    with told() as heard:
        result = sample.works_late.enqueue(2)
    assert (result.return_value, result.attempts, len(result.errors)) == (2, 2, 1)
    assert result.metadata == {"attempt 1": 0, "attempt 2": 1}
    assert sample.seen == [("Broken", 1, [Broken])]
    assert [name for name, _, _ in heard] == ["task_enqueued", "task_started", "task_started", "task_finished"]
    assert sample.fails.enqueue().status == TaskResultStatus.FAILED
    assert sample.add_async.enqueue(1, 2).return_value == 3
    assert broker.counts() == {}


# -- system checks ---------------------------------------------------------------------------------------------------------


def test_the_system_check_names_what_tasks_cannot_mean() -> None:
    def found(**params: Any) -> list[str]:
        with override_settings(TASKS={"default": {"BACKEND": BACKEND, **params}}):
            assert checks.check_tasks in registry.registered_checks
            return [f"{problem.id} {problem.msg}" for problem in checks.check_tasks()]

    assert found(QUEUES=[]) == []
    assert found(QUEUE=["a"]) == ["celeriac.E010 TASKS['default'] has no 'QUEUE'. Did you mean 'QUEUES'?"]
    assert found(OPTIONS={"queues": 1}) == [
        "celeriac.E011 TASKS['default']['OPTIONS'] has 'queues', and Celeriac has no option there."
    ]
    with override_settings(INSTALLED_APPS=["django.contrib.contenttypes"]):
        assert [text[:13] for text in found()] == ["celeriac.E012"]


def test_a_soft_limit_is_an_error_like_any_other() -> None:
    assert issubclass(SoftTimeLimitExceeded, Exception)
