"""What the code declares of periodic tasks, as the columns of the table."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from celeriac import Celery, shared_task
from celeriac.beat.declaring import UNREADABLE, Declaration, declared
from celeriac.compat.beat import BeatLazyFunc, ScheduleEntry
from celeriac.queues import declared_queues
from celeriac.schedules import crontab
from celeriac.testing import start_worker
from tests.sharing import unknown_elsewhere


@pytest.fixture
def app() -> Iterator[Celery]:
    app = Celery("shop", broker="memory://", set_as_current=False)
    app.task(name="count")(lambda *args, **kwargs: None)
    yield app
    app.close()


def of(app: Celery, entry: Any) -> Declaration:
    app.conf.beat_schedule = {"x": entry}
    return declared(app)["x"]


def test_an_entry_becomes_the_columns_that_it_decides(app: Celery) -> None:
    entry = {
        "task": "count", "schedule": crontab(minute=0, hour=4, tz="Europe/Berlin"), "args": (1, date(2026, 11, 21)),
        "kwargs": {"a": 2}, "options": {"queue": "slow", "priority": 3, "expires": 60, "headers": {"h": 1}},
    }  # fmt: skip
    columns = of(app, entry).columns
    assert (columns["kind"], columns["time_zone"], columns["fields"]["hour"]) == ("crontab", "Europe/Berlin", "4")
    assert (columns["args"], columns["kwargs"]) == ([1, {"__type__": "date", "__value__": "2026-11-21"}], {"a": 2})
    assert (columns["queue"], columns["priority"], columns["headers"]) == ("slow", 3, {"h": 1})
    assert (columns["options"], columns["misfire"], columns["enabled"]) == ({"expires": 60}, "once", True)


@pytest.mark.parametrize("schedule", [30, 30.0, timedelta(seconds=30)])
def test_a_number_and_a_timedelta_are_intervals(app: Celery, schedule: Any) -> None:
    columns = of(app, {"task": "count", "schedule": schedule}).columns
    assert (columns["kind"], columns["fields"]) == ("interval", {"every": 30})


def test_celerys_own_entry_object_is_one_too(app: Celery) -> None:
    found = of(app, ScheduleEntry("x", "count", schedule=30, args=(1,), options={"queue": "slow"}, app=app))
    assert (found.problem, found.columns["args"], found.columns["queue"]) == ("", [1], "slow")


def test_a_task_and_the_app_declare_as_well_as_the_settings(app: Celery) -> None:
    app.task(name="often", schedule=5)(lambda: None)
    app.on_after_configure.connect(lambda sender, **kwargs: sender.add_periodic_task(7, app.tasks["count"].s(3), name="added"))
    app.conf.beat_schedule = {"set": {"task": "count", "schedule": 9}}
    app.finalize()
    assert {name: found.columns["fields"]["every"] for name, found in declared(app).items()} == {
        "often": 5,
        "added": 7,
        "set": 9,
    }
    assert declared(app)["added"].columns["args"] == [3]


def test_what_celery_has_no_words_for_is_said_beside_its_own(app: Celery) -> None:
    start = datetime(2027, 1, 1, tzinfo=UTC)
    entry = {
        "task": "count",
        "schedule": 5,
        "one_off": True,
        "overlap": "skip",
        "jitter": 2.5,
        "start": start,
        "enabled": False,
    }
    columns = of(app, entry).columns
    assert (columns["one_off"], columns["overlap"], columns["jitter"], columns["enabled"]) == (True, "skip", 2.5, False)
    assert columns["start"] == "2027-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"schedule": 5}, "names no task"),
        ({"task": "count"}, "schedule is None; expected a number of seconds"),
        ({"task": "count", "schedule": "hourly"}, "schedule is 'hourly'"),
        ({"task": "count", "schedule": 5, "misfires": "skip"}, "Did you mean 'misfire'?"),
        ({"task": "count", "schedule": 5, "options": {"que": "x"}}, "Did you mean 'queue'?"),
        ({"task": "count", "schedule": 5, "args": (object(),)}, "is not JSON"),
        ({"task": "count", "schedule": 5, "args": (BeatLazyFunc(max, 1, 2),)}, "Compute it in the task"),
    ],
)
def test_an_entry_that_is_wrong_says_why_and_the_others_are_not_concerned(app: Celery, entry: Any, problem: str) -> None:
    app.conf.beat_schedule = {"wrong": entry, "right": {"task": "count", "schedule": 5}}
    found = declared(app)
    assert problem in found["wrong"].problem
    assert (found["wrong"].columns["kind"], found["right"].problem) == (UNREADABLE, "")


def test_the_digest_changes_with_the_declaration_and_with_nothing_else(app: Celery) -> None:
    entry = {"task": "count", "schedule": crontab(minute=5), "kwargs": {"a": 1, "b": 2}}
    first = of(app, entry).digest
    assert of(app, {**entry, "kwargs": {"b": 2, "a": 1}}).digest == first
    assert of(app, {**entry, "schedule": crontab(minute=6)}).digest != first


def test_a_worker_serves_the_queues_that_the_schedule_names(app: Celery) -> None:
    app.conf.beat_schedule = {"x": {"task": "count", "schedule": 5, "options": {"queue": "nightly"}}}
    assert "nightly" in declared_queues(app)


def test_a_shared_task_keeps_its_schedule() -> None:
    with unknown_elsewhere():
        task = shared_task(name="shared", schedule=crontab(minute=0))(lambda: None)
    assert task.schedule == crontab(minute=0)


@pytest.mark.django_db(transaction=True)
def test_the_worker_of_a_test_fires_nothing() -> None:
    app = Celery("tests", broker="django://default", set_as_current=False, config_source={})
    app.conf.beat_schedule = {"x": {"task": "count", "schedule": 0.1}}
    with start_worker(app, perform_ping_check=False):
        assert "celeriac-ticker" not in {thread.name for thread in threading.enumerate()}
    app.close()


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"misfire": "never"}, "misfire is 'never'; expected one of skip, once, all."),
        ({"overlap": "none"}, "overlap is 'none'; expected one of allow, skip, queue."),
        ({"misfire_limit": 0}, "misfire_limit is 0; expected 1 to 32767"),
        ({"misfire_limit": 40_000}, "misfire_limit is 40000; expected 1 to 32767"),
        ({"options": {"priority": 40_000}}, "priority is 40000; expected a whole number from -100 to 100"),
        ({"jitter": float("inf")}, "jitter is inf; expected seconds"),
        ({"task": "t" * 300}, "expected 1 to 255 characters"),
    ],
)
def test_a_value_that_no_row_may_have_is_named(app: Celery, wrong: dict[str, Any], problem: str) -> None:
    found = of(app, {"task": "count", "schedule": 30, **wrong})
    assert problem in found.problem
    assert len(found.columns["task"]) <= 255, "no table has room for more"
