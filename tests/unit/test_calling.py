from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from celeriac.app import Celery
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.codec import decode_payload
from celeriac.engine.job import Job, State
from celeriac.exceptions import AlwaysEagerIgnored, NotInThisVersion, PayloadTooLarge, QueueNotFound
from celeriac.result import AsyncResult
from celeriac.task import Task
from celeriac.testing.clock import FakeClock
from tests.unit.conftest import Worker


@pytest.fixture
def task(app: Celery) -> Any:
    @app.task(name="t")
    def body(a: int = 0, b: int = 0) -> int:
        return a + b

    return body


def pushed(broker: MemoryBroker, result: AsyncResult[Any]) -> Job:
    job = broker.get(result.id)
    assert job is not None
    return job


# -- arguments -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call", [lambda t: t.delay(1, b=2), lambda t: t.apply_async([1], {"b": 2}), lambda t: t.apply_async((1,), {"b": 2})]
)
def test_arguments_travel_as_json(task: Any, broker: MemoryBroker, call: Any) -> None:
    assert decode_payload(pushed(broker, call(task)).payload) == ([1], {"b": 2}, {})


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((1, 2, 3), {}), ((), {"c": 1}), ((1,), {"a": 2}), ((1, 2), {"b": 1})],
    ids=["many", "unknown", "twice", "both"],
)
def test_arguments_that_do_not_fit_are_refused_at_the_call(task: Any, broker: MemoryBroker, args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError, match=r"t\(a: 'int' = 0, b: 'int' = 0\).* cannot be called so"):
        task.apply_async(args, kwargs)
    assert broker.counts() == {}


def test_a_missing_argument_and_a_missing_keyword_are_refused(app: Celery) -> None:
    one = app.task(lambda a, /, b: None)
    keyword = app.task(name="k")(lambda *rest, c: None)
    for bad in (lambda: one.delay(1), lambda: one.delay(b=1), lambda: keyword.delay(1, 2)):
        with pytest.raises(TypeError, match=r"the argument '[abc]' is missing|by position only"):
            bad()
    one.delay(1, b=2)
    keyword.delay(1, 2, 3, c=4)


def test_a_bound_task_is_checked_without_its_self(app: Celery) -> None:
    task = app.task(bind=True)(lambda self, a: None)
    task.delay(1)
    with pytest.raises(TypeError):
        task.delay(1, 2)


def test_the_check_can_be_switched_off(app: Celery, broker: MemoryBroker) -> None:
    app.task(typing=False, name="loose")(lambda: None).delay(1, 2)
    loose = Celery("loose", set_as_current=False, strict_typing=False)
    loose.broker = lambda: broker  # type: ignore[method-assign] - the test's own broker
    loose.task(name="looser")(lambda: None).delay(1, 2)
    assert {job.task for job in broker.find({}, 10)} == {"loose", "looser"}


def test_arguments_that_are_not_json_are_named_and_nothing_is_enqueued(task: Any, broker: MemoryBroker) -> None:
    with pytest.raises(TypeError, match=r"t: kwargs\['b'\]: .*object.* is not JSON"):
        task.delay(1, b=object())
    assert broker.counts() == {}


@pytest.mark.parametrize("args", ["text", {"a": 1}, b"bytes"])
def test_args_that_are_no_list_are_refused(task: Any, args: Any) -> None:
    with pytest.raises(TypeError, match="expected a list or a tuple of arguments"):
        task.apply_async(args)


def test_a_payload_over_the_setting_is_refused(app: Celery, task: Any) -> None:
    app.conf.max_payload_bytes = 1000
    with pytest.raises(PayloadTooLarge, match="the limit is 1,000"):
        task.apply_async(("x" * 2000,))


# -- when ------------------------------------------------------------------------------------------------------------------


BERLIN = dt.datetime(2040, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("options", "run_at"),
    [
        ({"countdown": 10}, "+10"),
        ({"countdown": 0.5}, "+0.5"),
        ({"countdown": dt.timedelta(minutes=1)}, "+60"),
        ({"eta": BERLIN}, BERLIN.timestamp()),
        ({"eta": BERLIN.isoformat()}, BERLIN.timestamp()),
        ({"eta": "2040-07-01T10:00:00Z"}, BERLIN.timestamp()),
        ({"eta": dt.datetime(2040, 7, 1, 12)}, BERLIN.timestamp()),  # noqa: DTZ001 - a time without a zone is the case
        ({"countdown": 10, "eta": BERLIN}, "+10"),
    ],
)
def test_a_delayed_job_is_scheduled(
    app: Celery, task: Any, broker: MemoryBroker, clock: FakeClock, options: Any, run_at: Any
) -> None:
    app.conf.timezone = "Europe/Berlin"
    job = pushed(broker, task.apply_async(**options))
    expected = clock.wall() + float(run_at) if isinstance(run_at, str) else run_at
    assert (job.state, job.run_at) == (State.SCHEDULED, expected)


@pytest.mark.parametrize(
    "options", [{}, {"countdown": 0}, {"countdown": None}, {"countdown": -5}, {"eta": "2001-01-01T00:00:00Z"}]
)
def test_a_job_that_is_due_waits_at_once(task: Any, broker: MemoryBroker, options: Any) -> None:
    job = pushed(broker, task.apply_async(**options))
    assert (job.state, job.run_at) == (State.WAITING, None)


@pytest.mark.parametrize(("expires", "seconds"), [(30, 30), (dt.timedelta(hours=1), 3600)])
def test_a_job_may_expire(task: Any, broker: MemoryBroker, clock: FakeClock, expires: Any, seconds: float) -> None:
    assert pushed(broker, task.apply_async(expires=expires)).expires == clock.wall() + seconds
    assert pushed(broker, task.apply_async(expires=BERLIN)).expires == BERLIN.timestamp()


def test_an_expired_job_ends_revoked_without_running(task: Any, worker: Worker, clock: FakeClock) -> None:
    result = task.apply_async(expires=5)
    clock.advance(6)
    worker.run_all()
    assert (result.state, result.ready(), result.successful()) == ("REVOKED", True, False)


# -- options ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"countdown": "soon"}, ValueError, "countdown is 'soon'"),
        ({"countdown": float("nan")}, ValueError, "countdown is nan"),
        ({"countdown": 1e30}, ValueError, "countdown is 1e"),
        ({"expires": -1e30}, ValueError, "expires is -1e"),
        ({"countdown": BERLIN}, ValueError, "is given as eta"),
        ({"eta": 30}, ValueError, "given as countdown"),
        ({"eta": "tomorrow"}, ValueError, "ISO 8601"),
        ({"expires": True}, ValueError, "expires is True"),
        ({"priority": 101}, ValueError, "from -100 to 100"),
        ({"priority": 2.5}, ValueError, "priority is 2.5"),
        ({"priority": True}, ValueError, "priority is True"),
        ({"time_limit": -1}, ValueError, "time_limit is -1"),
        ({"time_limit": 1, "soft_time_limit": 2}, ValueError, "must be less than or equal"),
        ({"task_id": "x" * 256}, ValueError, "1 to 255 characters"),
        ({"task_id": ""}, ValueError, "1 to 255 characters"),
        ({"task_id": "a\x00"}, ValueError, "without NUL"),
        ({"queue": "q" * 256}, ValueError, "queue is"),
        ({"headers": {"a": object()}}, TypeError, "t: headers"),
        ({"link": "a name"}, TypeError, "link and link_error take signatures"),
        ({"que": "mail"}, TypeError, "Did you mean 'queue'"),
        ({"chord": {"task": "x"}}, NotInThisVersion, "workflows"),
    ],
)
def test_an_option_that_cannot_be_is_refused_at_the_call(
    task: Any, broker: MemoryBroker, options: Any, error: Any, text: str
) -> None:
    with pytest.raises(error, match=text):
        task.apply_async(**options)
    assert broker.counts() == {}


def test_celerys_options_of_transport_change_nothing(task: Any, broker: MemoryBroker) -> None:
    result = task.apply_async(
        (1,), producer=object(), serializer="json", compression="gzip", retry=True, retry_policy={"max_retries": 1},
        exchange="", delivery_mode=2, shadow="s", connection=None, chord=None,
    )  # fmt: skip
    assert decode_payload(pushed(broker, result).payload) == ([1], {}, {})


def test_what_belongs_to_the_call_travels_with_the_job(task: Any, broker: MemoryBroker) -> None:
    job = pushed(
        broker,
        task.apply_async(
            task_id="mine", headers={"tenant": 1}, priority=7, queue="mail", time_limit=9,
            soft_time_limit=dt.timedelta(seconds=5), ignore_result=True, root_id="r", parent_id="p", group_id="g",
            group_index=3,
        ),
    )  # fmt: skip
    assert (job.id, job.headers, job.priority, job.queue) == ("mine", {"tenant": 1}, 7, "mail")
    assert (job.root, job.parent, job.group, job.position) == ("r", "p", "g", 3)
    assert decode_payload(job.payload)[2] == {"time_limit": 9.0, "soft_time_limit": 5.0, "ignore_result": True}


def test_priorities_can_be_reversed(app: Celery, task: Any, broker: MemoryBroker) -> None:
    app.conf.reverse_priority = True
    app.conf.task_default_priority = 2
    assert pushed(broker, task.apply_async(priority=9)).priority == -9
    assert pushed(broker, task.delay()).priority == -2


# -- queues ----------------------------------------------------------------------------------------------------------------


def test_the_call_wins_over_the_task_and_the_task_over_its_route(app: Celery, broker: MemoryBroker) -> None:
    app.conf.task_routes = {"routed.*": {"queue": "by-route", "priority": 3}}
    by_route = app.task(name="routed.one")(lambda: None)
    by_task = app.task(name="routed.two", queue="by-task")(lambda: None)
    by_default = app.task(name="free")(lambda: None)
    assert [pushed(broker, t.delay()).queue for t in (by_route, by_task, by_default)] == ["by-route", "by-task", "celery"]
    assert pushed(broker, by_task.apply_async(queue="by-call")).queue == "by-call"
    assert pushed(broker, by_task.apply_async(queue=None)).queue == "by-task"
    assert pushed(broker, by_task.delay()).priority == 3
    assert pushed(broker, by_task.apply_async(routing_key="ignored-here")).queue == "by-task"
    assert pushed(broker, by_default.apply_async(routing_key="key")).queue == "key"
    assert pushed(broker, by_default.apply_async(queue=SimpleNamespace(name="of-kombu"))).queue == "of-kombu"


def test_an_option_of_the_task_may_be_changed_at_any_time(app: Celery, task: Any, broker: MemoryBroker) -> None:
    assert pushed(broker, task.delay()).queue == "celery"
    task.queue = "mail"
    assert pushed(broker, task.delay()).queue == "mail"
    task.queue = None
    app.conf.task_default_queue = "other"
    assert pushed(broker, task.delay()).queue == "other"


@pytest.mark.parametrize(
    "routes",
    [
        {"t": "mail"},
        {"t": {"queue": "mail"}},
        [("x", "no"), ("t", "mail")],
        [{"x": "no"}, {"*": "mail"}],
        [lambda name, args, kwargs, options, task=None, **kw: "mail" if name == "t" else None],
        lambda name, *rest, **kw: {"queue": "mail"},
        [SimpleNamespace(route_for_task=lambda name, args, kwargs: "mail")],
        "tests.unit.test_calling.route",
    ],
    ids=["name", "dict", "pairs", "dicts", "functions", "function", "class", "dotted"],
)
def test_routes_in_every_form_that_celery_has(app: Celery, task: Any, broker: MemoryBroker, routes: Any) -> None:
    app.conf.task_routes = routes
    assert pushed(broker, task.delay()).queue == "mail"


def route(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **kw: Any) -> Any:
    return {"queue": "mail"}


def test_a_route_may_look_at_the_arguments(app: Celery, task: Any, broker: MemoryBroker) -> None:
    app.conf.task_routes = [lambda name, args, kwargs, options, task=None: f"q{args[0]}" if args else None]
    assert [pushed(broker, task.delay(n)).queue for n in (1, 2)] == ["q1", "q2"]
    assert pushed(broker, task.delay()).queue == "celery"


def test_only_declared_queues_where_the_setting_says_so(app: Celery, task: Any, broker: MemoryBroker) -> None:
    app.conf.update(task_create_missing_queues=False, task_queues=["mail", SimpleNamespace(name="reports")])
    for queue in ("mail", "reports", "celery"):
        task.apply_async(queue=queue)
    with pytest.raises(QueueNotFound, match="Did you mean 'reports'"):
        task.apply_async(queue="report")


# -- ancestry --------------------------------------------------------------------------------------------------------------


def test_a_job_enqueued_by_a_job_knows_its_parent_and_root(app: Celery, worker: Worker, broker: MemoryBroker) -> None:
    leaf = app.task(name="leaf")(lambda: None)
    seen: list[Any] = []

    @app.task(bind=True)
    def middle(self: Any) -> None:
        leaf()  # a direct call in between changes nothing
        leaf.delay()
        seen.extend(self.request.children)
        leaf.apply_async(add_to_parent=False)
        assert len(self.request.children) == 1

    @app.task
    def first() -> None:
        middle.delay()

    root = first.delay()
    worker.run_all()
    (between,) = root.children
    assert [child.name for child in between.children] == ["leaf", "leaf"]
    assert between.children[0] == seen[0]
    job = pushed(broker, seen[0])
    assert (job.parent, job.root) == (between.id, root.id)
    assert seen[0].parent.parent == root


# -- at commit, in bulk, by name -------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_on_commit_a_job_exists_after_the_commit_and_its_id_before(task: Any, broker: MemoryBroker) -> None:
    with transaction.atomic():
        result = task.delay_on_commit(1, b=2)
        assert isinstance(result, AsyncResult)
        assert broker.get(result.id) is None
    assert pushed(broker, result).task == "t"
    with transaction.atomic():
        lost = task.apply_async_on_commit((1,), queue="mail")
        transaction.set_rollback(True)
    assert broker.get(lost.id) is None
    assert pushed(broker, task.apply_async_on_commit((1,), queue="mail")).queue == "mail"


@pytest.mark.django_db(transaction=True)
def test_on_commit_arguments_are_checked_at_the_call(task: Any) -> None:
    with transaction.atomic(), pytest.raises(TypeError):
        task.delay_on_commit(1, 2, 3)


@pytest.mark.django_db(transaction=True)
def test_on_commit_an_eager_task_runs_after_the_commit(app: Celery, task: Any) -> None:
    app.conf.task_always_eager = True
    with transaction.atomic():
        result = task.delay_on_commit(1, 2)
        assert not result.ready()
    assert result.get() == 3


def test_bulk_enqueues_all_in_one_push_in_order(
    app: Celery, task: Any, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushes: list[int] = []
    push = broker.push
    monkeypatch.setattr(broker, "push", lambda jobs: (pushes.append(len(jobs)), push(jobs)))
    results = task.bulk([(1, 2), [3], {"a": 4}, task.s(5).set(task_id="five")], queue="mail", priority=2)
    assert pushes == [4]
    jobs = [pushed(broker, result) for result in results]
    assert [decode_payload(job.payload)[:2] for job in jobs] == [([1, 2], {}), ([3], {}), ([], {"a": 4}), ([5], {})]
    assert {(job.queue, job.priority) for job in jobs} == {("mail", 2)}
    assert results[3].id == "five"
    assert task.bulk([]) == []


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (5, r"item 1 is 5; expected a tuple"),
        ((1, 2, 3), "item 1: t.* cannot be called so"),
        ((object(),), r"args\[0\]"),
        ("ab", "item 1 is 'ab'"),
    ],
)
def test_bulk_enqueues_nothing_when_one_item_cannot_be(task: Any, broker: MemoryBroker, item: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        task.bulk([(1,), item])
    assert broker.counts() == {}


def test_bulk_refuses_what_cannot_hold_for_several_jobs(app: Celery, task: Any) -> None:
    with pytest.raises(TypeError, match="takes no task_id"):
        task.bulk([(1,)], task_id="x")
    with pytest.raises(TypeError, match="a signature of other"):
        task.bulk([app.task(name="other")(lambda: None).s()])


def test_bulk_runs_eagerly_where_everything_does(app: Celery, task: Any) -> None:
    app.conf.task_always_eager = True
    assert [result.get() for result in task.bulk([(1, 2), {"a": 5}])] == [3, 5]


def test_a_task_is_enqueued_by_its_name_alone(app: Celery, broker: MemoryBroker) -> None:
    result = app.send_task("elsewhere.task", (1,), {"b": 2}, queue="far", countdown=5, task_id="x")
    job = pushed(broker, result)
    assert (job.task, job.queue, job.state, job.id, result.name) == (
        "elsewhere.task",
        "far",
        State.SCHEDULED,
        "x",
        "elsewhere.task",
    )


def test_of_a_task_known_here_its_options_count_by_name_too(app: Celery, broker: MemoryBroker) -> None:
    app.task(name="known", queue="mail", priority=4)(lambda: None)
    job = pushed(broker, app.send_task("known"))
    assert (job.queue, job.priority) == ("mail", 4)


def test_eager_mode_does_not_concern_send_task(app: Celery, broker: MemoryBroker) -> None:
    app.conf.task_always_eager = True
    with pytest.warns(AlwaysEagerIgnored):
        result = app.send_task("elsewhere.task")
    assert pushed(broker, result).state is State.WAITING


@pytest.mark.django_db(transaction=True)
def test_on_commit_a_class_that_adds_to_every_call_is_asked(app: Celery, broker: MemoryBroker) -> None:
    class Tenant(Task[Any, Any]):
        def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
            return super().apply_async(args, kwargs, **{**options, "headers": {"tenant": "a"}})

    task = app.task(base=Tenant)(lambda n: n)
    with transaction.atomic():
        result = task.delay_on_commit(1)
    assert pushed(broker, result).headers == {"tenant": "a"}
    assert pushed(broker, task.delay(1)).headers == {"tenant": "a"}


def test_a_name_that_no_broker_could_keep_is_refused(app: Celery) -> None:
    with pytest.raises(ValueError, match="The task's name"):
        app.send_task("x" * 256)
