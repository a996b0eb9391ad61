"""Where a job goes: celery.md 1.3 (precedence) and 1.9 (routing)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from celeriac.app import Celery
from celeriac.compat.queues import Exchange, Queue
from celeriac.conf.routes import Router
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.codec import decode_payload
from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.job import Job
from celeriac.queues import declared_queues
from celeriac.result import AsyncResult


def pushed(broker: MemoryBroker, result: AsyncResult[Any]) -> Job:
    job = broker.get(result.id)
    assert job is not None
    return job


def embed(broker: MemoryBroker, result: AsyncResult[Any]) -> dict[str, Any]:
    return decode_payload(pushed(broker, result).payload)[2]


# -- precedence: call, task, task_routes, default queue; None never overrides (celery.md 1.3) ------------------------------


@pytest.mark.parametrize("dynamic", [False, True], ids=["dict", "function"])
def test_each_option_comes_from_the_call_else_the_task_else_the_route(app: Celery, broker: MemoryBroker, dynamic: bool) -> None:
    route = {"queue": "of-route", "priority": 1, "expires": 60, "time_limit": 10}
    app.conf.task_routes = (lambda *args, **kwargs: route) if dynamic else {"shop.*": route}
    app.conf.task_default_queue = "of-settings"
    plain = app.task(name="shop.plain")(lambda: None)
    own = app.task(name="shop.own", queue="of-task", priority=2, time_limit=20)(lambda: None)

    job = pushed(broker, plain.delay())
    assert (job.queue, job.priority, job.expires is None) == ("of-route", 1, False)
    assert embed(broker, plain.delay()) == {"time_limit": 10.0}
    job = pushed(broker, own.delay())
    assert (job.queue, job.priority) == ("of-task", 2)
    assert embed(broker, own.delay()) == {}, "the worker asks the task for its own limit"
    job = pushed(broker, own.apply_async(queue="of-call", priority=3))
    assert (job.queue, job.priority) == ("of-call", 3)
    assert embed(broker, own.apply_async(time_limit=30)) == {"time_limit": 30.0}
    assert pushed(broker, own.apply_async(queue=None, priority=None)).queue == "of-task"


def test_a_limit_or_an_ignored_result_of_the_settings_is_the_tasks_own_and_wins_over_the_route(
    app: Celery, broker: MemoryBroker
) -> None:
    app.conf.update(task_time_limit=20, task_routes={"t": {"time_limit": 10, "ignore_result": True}})
    assert embed(broker, app.task(name="t")(lambda: None).delay()) == {}


def test_without_a_route_a_job_goes_to_the_default_queue(app: Celery, broker: MemoryBroker) -> None:
    task = app.task(name="t")(lambda: None)
    assert pushed(broker, task.delay()).queue == "celery"
    app.conf.task_default_queue = "other"
    assert pushed(broker, task.delay()).queue == "other"
    app.conf.task_routes = {"elsewhere": "x"}
    assert pushed(broker, task.delay()).queue == "other"


def test_send_task_follows_the_routes_too(app: Celery, broker: MemoryBroker) -> None:
    app.conf.task_routes = {"far.*": "abroad"}
    assert pushed(broker, app.send_task("far.away")).queue == "abroad"


# -- task_routes (celery.md 1.9) --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("glob", "name", "matches"),
    [
        ("feeds.*", "feeds.load", True),
        ("feeds.*", "feeds.tasks.load", True),
        ("*.load", "feeds.load", True),
        ("feeds.*", "feeds.", False),
        ("feeds.*", "myfeeds.load", False),
        ("feeds.*.load", "feeds.rss.loader", False),
        ("f?eds.*", "feeds.load", False),
        ("[f]eeds.*", "feeds.load", False),
    ],
)
def test_in_a_glob_only_the_star_is_special(glob: str, name: str, matches: bool) -> None:
    assert bool(Router({glob: "q"}).options(name, (), {}, {})) is matches


def test_a_compiled_pattern_matches_from_the_beginning_of_the_name() -> None:
    router = Router({re.compile(r"(video|image)\.tasks\..+"): {"queue": "media"}})
    assert router.options("video.tasks.cut", (), {}, {}) == {"queue": "media"}
    assert router.options("my.video.tasks.cut", (), {}, {}) == {}


def test_an_exact_name_wins_over_patterns_and_the_first_pattern_over_the_next() -> None:
    router = Router({"a.*": "glob", re.compile("a"): "pattern", "a.b": "name"})
    assert [router.options(name, (), {}, {})["queue"] for name in ("a.b", "a.c", "abc")] == ["name", "glob", "pattern"]


def test_of_several_routes_the_first_that_answers_wins() -> None:
    asked: list[str] = []

    def silent(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **kw: Any) -> None:
        asked.append(name)

    router = Router([silent, {"b": "by-dict"}, ("a", "by-pair"), lambda name, *rest, **kw: {"queue": "by-function"}])
    assert [router.options(name, (), {}, {})["queue"] for name in ("a", "b", "c")] == ["by-pair", "by-dict", "by-function"]
    assert asked == ["a", "b", "c"]


def test_a_function_is_told_the_whole_call(app: Celery, broker: MemoryBroker) -> None:
    seen: list[Any] = []

    def route(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **kw: Any) -> None:
        seen.append((name, args, kwargs, options["priority"], task))

    app.conf.task_routes = (route,)
    task = app.task(name="t")(lambda *args, **kwargs: None)
    task.apply_async((1,), {"b": 2}, priority=4)
    assert seen == [("t", (1,), {"b": 2}, 4, task)]


class ByTenant:
    """A router class, as Celery's documentation has it."""

    def route_for_task(self, task: str, args: Any = None, kwargs: Any = None) -> Any:
        tenant = (kwargs or {}).get("tenant")
        return {"queue": f"tenant-{tenant}", "priority": 7} if tenant else None


@pytest.mark.parametrize(
    "routes",
    [ByTenant, ByTenant(), [ByTenant()], "tests.unit.test_routes.ByTenant", ["tests.unit.test_routes:ByTenant"]],
    ids=["class", "instance", "in a list", "dotted name", "colon"],
)
def test_a_router_class_answers_for_a_task(app: Celery, broker: MemoryBroker, routes: Any) -> None:
    app.conf.task_routes = routes
    task = app.task(name="t")(lambda tenant=None: None)
    job = pushed(broker, task.delay(tenant=3))
    assert (job.queue, job.priority) == ("tenant-3", 7)
    assert pushed(broker, task.delay()).queue == "celery"


def test_a_route_may_name_a_queue_object_or_a_routing_key(app: Celery, broker: MemoryBroker) -> None:
    app.conf.task_routes = {"a": {"queue": Queue("mail")}, "b": Queue("reports"), "c": {"routing_key": "slow"}}
    queues = [pushed(broker, app.task(name=name)(lambda: None).delay()).queue for name in "abc"]
    assert queues == ["mail", "reports", "slow"]


@pytest.mark.parametrize("routes", [[3], "no.such.module.Router", "nonsense"])
def test_a_route_that_is_none_is_an_error_with_its_value(routes: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="CELERY_TASK_ROUTES"):
        Router(routes)


# -- queues -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "queues",
    [
        ["mail", "reports"],
        "mail, reports",
        [Queue("mail", Exchange("mail"), routing_key="mail.#"), Queue("reports")],
        {"mail": {"exchange": "mail"}, "reports": {}},
    ],
    ids=["names", "text", "kombu", "dict"],
)
def test_queues_are_declared_in_every_form_that_celery_has(app: Celery, queues: Any) -> None:
    app.conf.task_queues = queues
    assert app.settings.queues == ("mail", "reports")


@pytest.mark.parametrize(
    "routes",
    [
        {"a": "x", "b.*": {"queue": "y"}},
        [{"a": "x"}, {"b.*": {"queue": "y"}}],
        [("a", "x"), ("b.*", {"queue": Queue("y")})],
        [lambda *args, **kwargs: None, {"a": "x", re.compile("b"): {"routing_key": "y"}}],
    ],
    ids=["dict", "dicts", "pairs", "mixed"],
)
def test_a_worker_without_Q_serves_every_queue_that_is_written_down(app: Celery, routes: Any) -> None:  # noqa: N802 - the flag
    app.task(name="c", queue=Queue("of-task"))(lambda: None)
    app.conf.update(task_routes=routes, task_queues=[Queue("declared")])
    assert declared_queues(app) == ["celery", "declared", "of-task", "x", "y"]
