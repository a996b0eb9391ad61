"""``celeriac.testing`` as a user's test meets it: record, run at once, a worker, and what is said when a job is missing."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import unittest
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TestCase

from celeriac import current
from celeriac.app import Celery
from celeriac.engine.errors import CeleriacError
from celeriac.exceptions import NotRegistered
from celeriac.testing import assert_enqueued, assert_not_enqueued, drain, draining, enqueued, override, start_worker
from celeriac.testing.app import TestApp


class Broken(Exception):
    """What a task of these tests raises."""


@pytest.fixture
def app() -> Iterator[Celery]:
    """An app whose queue is in the test database, so that the engine in memory has transactions to follow."""
    app = Celery("tests", broker="django://default", set_as_current=False, config_source={})
    with current.current_app_is(app):
        yield app


@pytest.fixture
def recorded(app: Celery) -> Iterator[Celery]:
    with override(mode="record"):
        yield app


def states() -> list[str]:
    return [outcome.state for outcome in drain(propagate=False)]


# -- what was enqueued -----------------------------------------------------------------------------------------------------


def test_a_job_is_found_by_whatever_is_said_of_it(recorded: Celery) -> None:
    task = recorded.task(name="t")(lambda *args, **kwargs: None)
    task.apply_async((1, (2, 3)), {"day": dt.date(2026, 1, 2)}, queue="mail")
    for wanted in (
        {},
        {"args": (1, (2, 3))},
        {"args": [1, [2, 3]], "kwargs": {"day": dt.date(2026, 1, 2)}},
        {"queue": "mail"},
        {"count": 1},
    ):
        (found,) = assert_enqueued(task, **wanted)  # type: ignore[arg-type]  # each is one way to call it
        assert (found.task, found.args, found.queue) == ("t", [1, [2, 3]], "mail")
    assert_enqueued("t")
    assert_enqueued(queue="mail")
    assert_not_enqueued("other")
    assert_not_enqueued(task, args=[2])


def test_a_missing_job_is_answered_with_what_there_is_instead(recorded: Celery) -> None:
    task = recorded.task(name="t")(lambda *args, **kwargs: None)
    with pytest.raises(AssertionError, match="A job of t expected; nothing was enqueued"):
        assert_enqueued(task)
    task.delay(1, name="ada")
    task.apply_async((2,), queue="mail", eta=dt.datetime(2126, 1, 2, tzinfo=dt.UTC))
    with pytest.raises(AssertionError) as caught:
        assert_enqueued(task, args=[3], kwargs={"name": "ada"}, queue="mail")
    assert str(caught.value).splitlines() == [
        "A job of t with args [3] with kwargs {'name': 'ada'} to the queue mail expected; enqueued were 2:",
        "    t(1, name='ada') to the queue celery",
        "    t(2) to the queue mail, not before 2126-01-02 00:00:00 UTC",
    ]
    with pytest.raises(AssertionError, match=r"3 jobs of t expected; enqueued were 2, 2 of them fit \(\*\):\n  \* t\(1"):
        assert_enqueued(task, count=3)
    with pytest.raises(AssertionError, match=r"No job of t with args \[1\] expected; enqueued were 2, 1 of them fit"):
        assert_not_enqueued(task, args=[1])


def test_mistakes_in_the_question_are_answered(recorded: Celery) -> None:
    with pytest.raises(TypeError, match=r"args is 'ada'; expected a list or a tuple of arguments, such as \('ada',\)"):
        assert_enqueued("t", args="ada")
    with pytest.raises(TypeError, match="Is @shared_task missing on it"):
        assert_enqueued(states)
    with pytest.raises(ValueError, match="Did you mean 'record'"):
        override(mode="recrod")
    with pytest.raises(TypeError, match='pool: that is for mode="worker"'):
        override(mode="record", pool="threads")


def test_jobs_are_listed_in_the_order_of_their_calls(recorded: Celery) -> None:
    task = recorded.task(name="t")(lambda n: None)
    task.delay(1)
    recorded.send_task("other", (2,), headers={"trace": "x"}, priority=5)
    task.bulk([(3,), (4,)])
    assert [(job.task, *job.args) for job in enqueued()] == [("t", 1), ("other", 2), ("t", 3), ("t", 4)]
    assert (enqueued()[1].headers, enqueued()[1].priority, enqueued()[1].eta) == ({"trace": "x"}, 5, None)
    assert len(enqueued(task)) == 3


@pytest.mark.django_db
def test_without_override_the_test_database_is_asked(app: Celery) -> None:
    task = app.task(name="t")(lambda n: None)
    task.delay(1)
    assert_enqueued(task, args=[1], count=1)
    with pytest.raises(RuntimeError, match=r"Put @override\(mode=\"record\"\) on the test"):
        drain()


# -- transactions ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_job_goes_with_the_block_that_is_rolled_back(recorded: Celery) -> None:
    task = recorded.task(name="t")(lambda n: n)
    with transaction.atomic():
        task.delay(1)
        with pytest.raises(Broken), transaction.atomic():
            task.delay(2)
            assert_enqueued(task, count=2)
            raise Broken
    assert [job.args for job in enqueued()] == [[1]]
    assert [outcome.value for outcome in drain()] == [1]


@pytest.mark.django_db
def test_a_queue_elsewhere_follows_the_transactions_of_its_outbox() -> None:
    app = Celery("tests", broker="redis://nowhere:1", set_as_current=False, config_source={})
    task = app.task(name="t")(lambda n: n)
    with override(mode="record", app=app):
        with pytest.raises(Broken), transaction.atomic():
            task.delay(1)
            raise Broken
        task.delay(2)
        assert [job.args for job in enqueued(app=app)] == [[2]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", ["record", "worker"])
def test_a_job_is_enqueued_by_the_commit(app: Celery, mode: str) -> None:
    task = app.task(name="t")(lambda n: n)
    with override(mode=mode):
        with pytest.raises(Broken), transaction.atomic():
            task.delay(1)
            raise Broken
        with transaction.atomic():
            task.delay(2)
        assert [outcome.value for outcome in drain()] == [2]


@pytest.mark.django_db
def test_a_body_that_rolls_back_takes_its_jobs_with_it(recorded: Celery) -> None:
    other = recorded.task(name="other")(lambda: None)

    def body() -> None:
        with transaction.atomic():
            other.delay()
            raise Broken

    recorded.task(name="t")(body).delay()
    assert states() == ["FAILURE"]
    assert_not_enqueued(other)


@pytest.mark.django_db
def test_what_waits_for_a_commit_that_never_comes_is_said(recorded: Celery) -> None:
    task = recorded.task(name="t")(lambda: 1)
    task.delay_on_commit()
    with pytest.raises(AssertionError, match=r"captureOnCommitCallbacks\(execute=True\)"):
        assert_enqueued(task)
    with TestCase.captureOnCommitCallbacks(execute=True):
        task.delay_on_commit()
        task.delay()
    assert_enqueued(task, count=2)
    assert [outcome.value for outcome in drain()] == [1, 1]


# -- drain -----------------------------------------------------------------------------------------------------------------


def test_drain_runs_follow_ups_and_retries_in_order(recorded: Celery) -> None:
    ran: list[Any] = []

    def body(self: Any, n: int) -> int:
        ran.append((n, self.request.retries))
        if self.request.retries < 2:
            raise self.retry(countdown=3600)
        return n

    note = recorded.task(name="note")(ran.append)
    recorded.task(name="t", bind=True)(body).apply_async((7,), link=note.s())
    note.delay("first of the others")
    assert states() == ["RETRY", "SUCCESS", "RETRY", "SUCCESS", "SUCCESS"]
    assert ran == [(7, 0), "first of the others", (7, 1), (7, 2), 7]


def test_drain_moves_the_clock_of_the_jobs_only_as_far_as_it_is_told(recorded: Celery) -> None:
    task = recorded.task(name="t")(lambda n: n)
    task.apply_async((1,), countdown=3600)
    task.apply_async((2,), countdown=30)
    task.apply_async((3,))
    assert [outcome.value for outcome in drain(within=60)] == [3, 2]
    assert [outcome.value for outcome in drain(within=60)] == []
    assert [outcome.value for outcome in drain()] == [1]


def test_drain_takes_the_urgent_first_over_all_queues(recorded: Celery) -> None:
    task = recorded.task(name="t")(lambda n: n)
    task.apply_async((1,), queue="a")
    task.apply_async((2,), queue="b", priority=9)
    task.apply_async((3,), queue="a")
    assert [outcome.value for outcome in drain()] == [2, 1, 3]


def test_a_job_that_expires_meanwhile_is_revoked(recorded: Celery) -> None:
    task = recorded.task(name="t")(lambda: None)
    task.apply_async(countdown=3600, expires=60)
    assert states() == ["REVOKED"]


def test_the_exception_of_a_job_fails_the_test_and_the_rest_stays(recorded: Celery) -> None:
    def body(fails: bool) -> str:
        if fails:
            raise Broken("as planned")
        return "fine"

    task = recorded.task(name="t")(body)
    result = task.delay(True)
    task.delay(False)
    with pytest.raises(Broken, match="as planned"):
        drain()
    assert result.state == "FAILURE"
    assert [outcome.value for outcome in drain()] == ["fine"]


def test_a_job_without_a_task_fails_the_test(recorded: Celery) -> None:
    recorded.send_task("nobody")
    with pytest.raises(NotRegistered):
        drain()


def test_jobs_that_go_on_for_ever_are_stopped(recorded: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "MOST_ATTEMPTS", 100)

    def body() -> None:
        recorded.tasks["t"].apply_async(countdown=1)

    task = recorded.task(name="t")(body)
    task.delay()
    with pytest.raises(AssertionError, match=r"has run 100 attempts, and t\(\) still waits"):
        drain()


def test_coroutines_are_run_with_a_loop_and_without(recorded: Celery) -> None:
    async def body(n: int) -> int:
        await asyncio.sleep(0)
        return n

    task = recorded.task(name="t")(body)
    task.delay(1)
    assert [outcome.value for outcome in drain()] == [1]

    async def drain_on_a_loop() -> list[Any]:
        task.delay(2)
        return [outcome.value for outcome in drain()]

    assert asyncio.run(drain_on_a_loop()) == [2]


def test_a_result_that_nobody_will_make_is_not_waited_for(recorded: Celery) -> None:
    result = recorded.task(name="t")(lambda: 42).delay()
    with pytest.raises(CeleriacError, match=r"Call celeriac\.testing\.drain"):
        result.get(timeout=60)
    drain()
    assert result.get() == 42


# -- the other ways --------------------------------------------------------------------------------------------------------


def test_eager_jobs_run_at_their_call_and_raise_there(app: Celery) -> None:
    def body() -> None:
        raise Broken

    task = app.task(name="t")(body)
    with override(mode="eager"):
        assert app.task(name="fine")(lambda: 1).delay().get() == 1
        with pytest.raises(Broken):
            task.delay()
        with pytest.raises(RuntimeError, match="Jobs run at their call here"):
            assert_enqueued(task)
    with override(mode="eager", propagate=False):
        assert task.delay().state == "FAILURE"


@pytest.mark.parametrize(("pool", "threads"), [("solo", 1), ("threads", 2)])
def test_a_worker_runs_jobs_in_other_threads(app: Celery, pool: str, threads: int) -> None:
    together = threading.Barrier(threads)

    def body() -> int:
        together.wait(10)
        return threading.get_ident()

    task = app.task(name="t")(body)
    with override(mode="worker", pool=pool, concurrency=threads):
        results = [task.delay() for _ in range(threads)]
        ran_in = {result.get(timeout=10) for result in results}
        assert [outcome.state for outcome in drain()] == ["SUCCESS"] * threads
    assert len(ran_in) == threads
    assert threading.get_ident() not in ran_in


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_a_worker_leaves_no_connection_to_the_test_database_open(app: Celery, pool: str) -> None:
    opened: list[BaseDatabaseWrapper] = []

    def body() -> None:
        connection.ensure_connection()
        opened.append(connections["default"])

    task = app.task(name="t")(body)
    with override(mode="worker", pool=pool):
        task.delay()
        drain()
    assert [one.connection for one in opened] == [None]


def test_drain_waits_for_the_worker_and_what_it_enqueues(app: Celery) -> None:
    other = app.task(name="other")(lambda: 2)
    late = app.task(name="late")(lambda: None)
    with override(mode="worker"):
        app.task(name="t")(lambda: other.delay().id).delay()
        assert [(outcome.task, outcome.state) for outcome in drain()] == [("t", "SUCCESS"), ("other", "SUCCESS")]
        assert_enqueued(other, count=1)
        app.task(name="fails")(lambda: {}["k"]).delay()
        with pytest.raises(KeyError):
            drain()
        late.apply_async(countdown=3600)
        with pytest.raises(AssertionError, match=r"not ended these jobs within 0.1 s:\n  late\(\): scheduled"):
            drain(timeout=0.1)


@pytest.mark.django_db
def test_a_worker_on_the_database_of_a_test_case_is_refused(app: Celery) -> None:
    with pytest.raises(RuntimeError, match="Use a TransactionTestCase"), start_worker(app):
        pytest.fail("it started")


def test_a_worker_on_a_database_in_memory_is_refused(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "NAME", "file:memorydb_default?mode=memory&cache=shared")
    with pytest.raises(RuntimeError, match=r"Put it in a file: DATABASES\['default'\]\[\"TEST\"\]"), start_worker(app):
        pytest.fail("it started")


def test_an_error_at_the_start_of_a_worker_is_raised_in_the_test() -> None:
    app = TestApp(config={"broker_url": "django://default"})
    app.broker = None  # type: ignore[assignment, method-assign]  # so that it cannot start
    with pytest.raises(RuntimeError, match="The worker of the test did not start: 'NoneType'"), start_worker(app):
        pytest.fail("it started")


def test_an_unknown_option_of_a_worker_is_refused() -> None:
    with pytest.raises(TypeError, match="no option threads"), start_worker(TestApp(), threads=2):
        pytest.fail("it started")


# -- decorators ------------------------------------------------------------------------------------------------------------


def test_override_ends_with_its_block_and_may_be_nested(app: Celery) -> None:
    task = app.task(name="t")(lambda: 1)
    app.conf.task_always_eager = True
    clock = app.clock
    with override(mode="record"):
        task.delay()
        with override(mode="eager"):
            assert task.delay().get() == 1
        with override(mode="record"):
            assert enqueued() == []
        assert_enqueued(task, count=1)
    assert task.delay().get() == 1
    assert app.clock is clock
    assert "broker" not in vars(app)


def test_override_decorates_functions_coroutines_and_classes_of_tests(app: Celery) -> None:
    task = app.task(name="t")(lambda: 1)
    seen: list[int] = []

    def enqueue_and_look() -> None:
        task.delay()
        seen.append(len(enqueued()))

    @override(mode="record")
    def function() -> None:
        enqueue_and_look()

    @override(mode="record")
    async def coroutine() -> None:
        enqueue_and_look()

    @override(mode="record")
    class Tests(unittest.TestCase):
        def test_one(self) -> None:
            enqueue_and_look()

        def test_two(self) -> None:
            enqueue_and_look()

    function()
    asyncio.run(coroutine())
    ran = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Tests).run(ran)
    assert (ran.testsRun, ran.errors, ran.failures) == (2, [], [])
    assert seen == [1, 1, 1, 1]
