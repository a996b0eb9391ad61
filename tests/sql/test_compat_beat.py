"""Programs that make periodic tasks with django-celery-beat's models find them here, as rows that fire."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db.models import Q

from celeriac import Celery
from celeriac.beat.planning import Planning
from celeriac.compat.beat import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)
from celeriac.engine.brokers.sql.agenda import SQLAgenda
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.codec import decode_payload
from celeriac.models import PeriodicTask as Row
from celeriac.schedules import crontab, every
from tests.conformance.conftest import empty


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def alias(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_alias")
    empty(found)
    return found


@pytest.fixture(autouse=True)
def app(alias: str) -> Iterator[Celery]:
    app = Celery("shop", broker=f"django://{alias}")
    app.conf.update(timezone="Europe/Berlin")
    app.task(name="count")(lambda *args, **kwargs: None)
    yield app
    app.close()


def ten_seconds() -> Any:
    schedule, _created = IntervalSchedule.objects.get_or_create(every=10, period=IntervalSchedule.SECONDS)
    return schedule


def made(name: str = "often", **fields: Any) -> PeriodicTask:
    return PeriodicTask.objects.create(**{"name": name, "task": "count", "interval": ten_seconds(), **fields})


def row(alias: str, name: str = "often") -> Row:
    return Row.objects.using(alias).get(name=name)


def test_the_example_of_its_documentation_makes_a_row_that_fires(alias: str, app: Celery, others: SQLBroker) -> None:
    schedule, created = IntervalSchedule.objects.get_or_create(every=10, period=IntervalSchedule.SECONDS)
    task = PeriodicTask.objects.create(
        interval=schedule, name="Importing contacts", task="count", args=json.dumps(["arg1", 2]),
        kwargs=json.dumps({"be_careful": True}), expire_seconds=30, queue="slow", priority=3, headers='{"h": "x"}',
    )  # fmt: skip
    assert created
    Row.objects.using(alias).update(next_run=datetime.now(UTC) - timedelta(seconds=1))
    SQLAgenda(others, Planning(app)).fire(10)
    [job] = others.find({}, 10)
    args, kwargs, _embed = decode_payload(job.payload)
    assert (job.schedule, job.task, args, kwargs) == ("Importing contacts", "count", ["arg1", 2], {"be_careful": True})
    assert (job.queue, job.priority, job.headers) == ("slow", 3, {"h": "x"})
    assert job.expires is not None
    assert 25 < job.expires - datetime.now(UTC).timestamp() < 31
    task.refresh_from_db()
    assert (task.total_run_count, task.last_run_at is not None) == (1, True)


@pytest.mark.parametrize(
    ("name", "schedule", "columns"),
    [
        ("interval", IntervalSchedule(every=2, period="hours"), ("interval", {"every": 7200}, "")),
        ("interval", IntervalSchedule(every="5", period="microseconds"), ("interval", {"every": 0.000005}, "")),
        (
            "crontab",
            CrontabSchedule(minute="30", hour="*/2", day_of_week="mon", timezone=ZoneInfo("Asia/Shanghai")),
            ("crontab", crontab(30, "*/2", "mon").fields(), "Asia/Shanghai"),
        ),
        ("crontab", CrontabSchedule(minute="0"), ("crontab", crontab(0).fields(), "")),
        (
            "clocked",
            ClockedSchedule(clocked_time=datetime(2030, 1, 1, tzinfo=UTC)),
            ("clocked", {"clocked_time": "2030-01-01T00:00:00+00:00"}, ""),
        ),
        (
            "clocked",
            ClockedSchedule(clocked_time=datetime(2030, 1, 1)),  # noqa: DTZ001 - a time without a zone is tried
            ("clocked", {"clocked_time": "2029-12-31T23:00:00+00:00"}, ""),
        ),
        (
            "solar",
            SolarSchedule(event="sunset", latitude=-37.81, longitude=144.96),
            ("solar", {"event": "sunset", "lat": -37.81, "lon": 144.96}, ""),
        ),
    ],
)
def test_each_kind_of_schedule_becomes_columns_and_is_read_from_them(
    alias: str, name: str, schedule: Any, columns: tuple[str, dict[str, Any], str]
) -> None:
    PeriodicTask.objects.create(name="one", task="count", **{name: schedule})
    kept = row(alias, "one")
    assert (kept.kind, kept.fields, kept.time_zone) == columns
    again = PeriodicTask.objects.get(**{name: schedule})
    assert getattr(again, name) == schedule
    assert {other for other in ("interval", "crontab", "clocked", "solar") if getattr(again, other)} == {name}


def test_switching_off_and_on_again_has_it_planned_anew(alias: str) -> None:
    task = made()
    later = datetime.now(UTC) + timedelta(hours=1)
    Row.objects.using(alias).update(next_run=later)
    task.refresh_from_db()
    task.enabled = False
    task.save()
    PeriodicTasks.update_changed()
    PeriodicTasks.changed(task)
    assert (row(alias).enabled, row(alias).next_run) == (False, None)
    Row.objects.using(alias).update(next_run=later)
    assert PeriodicTask.objects.filter(name__startswith="oft", enabled=False).update(enabled=True) == 1
    assert (row(alias).enabled, row(alias).next_run) == (True, None)


def test_a_schedule_is_changed_in_place_or_replaced_by_one_of_another_kind(alias: str) -> None:
    task = made(interval=None, crontab=CrontabSchedule.objects.create(minute="0", hour="4"))
    task.crontab.hour = "5"
    task.crontab.save()
    assert row(alias).fields["hour"] == "5"
    again, created = PeriodicTask.objects.update_or_create(name="often", defaults={"crontab": None, "interval": ten_seconds()})
    assert (created, row(alias).kind, row(alias).fields) == (False, "interval", {"every": 10})
    assert again == task


def test_times_and_counts_have_their_familiar_names(alias: str) -> None:
    start, end = datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
    task = made(start_time=start, expires=end, one_off=True, description="d", last_run_at=start, total_run_count=4)
    kept = row(alias)
    assert (kept.start, kept.end, kept.one_off, kept.description) == (start, end, True, "d")
    assert (kept.last_run, kept.total_run_count) == (start, 4)
    assert PeriodicTask.objects.filter(start_time__lte=start, expires=end, last_run_at__isnull=False).count() == 1
    assert PeriodicTask.objects.all().update(last_run_at=None, expires=None) == 1
    assert (row(alias).last_run, row(alias).end, row(alias).options, row(alias).total_run_count) == (None, None, {}, 4)
    task.refresh_from_db()
    assert (task.expires_, task.args, task.kwargs, task.queue, task.exchange) == (None, "[]", "{}", None, None)


def test_what_is_asked_of_the_tasks_is_answered(alias: str) -> None:
    made("a", args='["x"]', routing_key="slow")
    made("b", interval=None, crontab=CrontabSchedule(minute="0"))
    tasks = PeriodicTask.objects
    assert tasks.get_or_create(name="a", defaults={"task": "other"})[0].task == "count"
    assert tasks.get_or_create(name="c", defaults={"task": "count", "interval": ten_seconds()})[1]
    assert tasks.order_by("-name").values_list("name", flat=True) == ["c", "b", "a"]
    assert tasks.filter(interval__isnull=False).values("name") == [{"name": "a"}, {"name": "c"}]
    assert tasks.exclude(crontab=None).values_list("name", "queue") == [("b", None)]
    assert [task.name for task in tasks.filter(Q(args='["x"]') | ~Q(interval=ten_seconds()))] == ["a", "b"]
    assert (tasks.get(queue="slow").name, tasks.filter(queue=None).count()) == ("a", 2)
    assert (tasks.first() or made()).name == "a"
    assert (tasks.last() or made()).name == "c"
    assert (len(tasks.all()), tasks.filter(task="x").first(), tasks.all()[1].name, len(tasks.all()[:2])) == (3, None, "b", 2)
    tasks.get(name="b").delete()
    assert tasks.filter(interval=ten_seconds()).delete()[0] == 2
    assert not Row.objects.using(alias).exists()


def test_a_task_that_is_not_there_or_several_that_are_raise_as_in_django(alias: str) -> None:
    with pytest.raises(PeriodicTask.DoesNotExist, match="no periodic task with name='x'"):
        PeriodicTask.objects.get(name="x")
    made("a"), made("b")
    with pytest.raises(PeriodicTask.MultipleObjectsReturned):
        PeriodicTask.objects.get(task="count")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"interval": None}, "has one of interval, crontab, solar and clocked; this one has none"),
        ({"crontab": CrontabSchedule()}, "this one has interval, crontab"),
        ({"interval": IntervalSchedule(every=1, period="second")}, "period is 'second'; .* Did you mean 'seconds'"),
        ({"interval": IntervalSchedule(every="x", period="days")}, "every is 'x'; expected a whole number of days"),
        ({"interval": None, "crontab": CrontabSchedule(day_of_week="7")}, "day_of_week is '7': 7 is out of range"),
        ({"args": "[1"}, "args is '.1', which is not JSON"),
        ({"kwargs": "[1]"}, "kwargs is '.1.'; expected JSON such as"),
        ({"name": "taken"}, "There is a periodic task 'taken' already"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(alias: str, fields: dict[str, Any], said: str) -> None:
    made("taken")
    with pytest.raises(ValidationError) as caught:
        made(**fields)
    assert re.search(said, " ".join(caught.value.messages))
    assert Row.objects.using(alias).count() == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: PeriodicTask(nam="x"), "PeriodicTask has no field 'nam'. Did you mean 'name'"),
        (lambda: IntervalSchedule(evry=1), "IntervalSchedule has no field 'evry'; .* Did you mean 'every'"),
        (lambda: PeriodicTask.objects.filter(interval__every=3), "by a whole schedule, .* and not by interval__every"),
    ],
)
def test_a_name_that_there_is_not_is_answered_with_those_there_are(make: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        make()


def test_a_schedule_is_there_while_a_task_has_it(alias: str) -> None:
    assert not IntervalSchedule.objects.filter(every=10).exists()
    task = made()
    made("other")
    assert IntervalSchedule.objects.get_or_create(every=10, period="seconds")[1] is False
    assert (IntervalSchedule.objects.count(), str(IntervalSchedule.objects.all().first())) == (1, "every 10 seconds")
    with pytest.raises(ValidationError, match="is the schedule of 'often', 'other'"):
        task.interval.delete()
    PeriodicTask.objects.all().delete()
    task.interval.delete()


def test_a_row_of_a_kind_that_it_does_not_have_can_still_be_switched_off(alias: str) -> None:
    Row.objects.using(alias).create(name="often", task="count", kind="rrule", fields={"rule": "FREQ=DAILY"})
    Row.objects.using(alias).create(name="broken", task="count", kind="crontab", fields={"minute": 99})
    assert PeriodicTask.objects.filter(name="often").update(enabled=False) == 1
    assert (row(alias).kind, row(alias).enabled) == ("rrule", False)
    assert [task.crontab for task in PeriodicTask.objects.filter(name="broken")] == [None]
    assert every(10).describe() == "every 10 seconds"


def test_the_program_of_the_page_runs(alias: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "django-celery-beat.md").read_text(encoding="utf-8")
    [program] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(program, "page", "exec"), {})  # noqa: S102 - a page of ours
    assert (row(alias, "Importing contacts").fields, row(alias, "Importing contacts").args) == ({"every": 10}, ["arg1"])
