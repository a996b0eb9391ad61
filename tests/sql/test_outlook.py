"""The periodic tasks in words, as a start-up text and the doctor tell them: a few of however many, with their next runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from celeriac import Celery
from celeriac.beat.declaring import declared
from celeriac.beat.outlook import lines, outlook
from celeriac.beat.synchronising import synchronise
from celeriac.models import PeriodicTask
from celeriac.schedules import crontab
from celeriac.testing.clock import FakeClock


@pytest.fixture
def app(alias: str) -> Iterator[Celery]:
    app = Celery("shop", broker=f"django://{alias}", set_as_current=False)
    app.conf.update(timezone="Europe/Berlin")
    app.clock = FakeClock(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())
    app.task(name="count")(lambda: None)
    yield app
    app.close()


def an_entry(alias: str, name: str, **columns: Any) -> None:
    given = {"kind": "crontab", "fields": crontab(0, 4).fields(), "task": "count", **columns}
    PeriodicTask.objects.using(alias).create(name=name, **given)


def test_each_is_told_in_words_with_its_next_runs_in_its_zone(alias: str, app: Celery) -> None:
    an_entry(alias, "nightly")
    an_entry(alias, "month", fields=crontab(0, 4, day_of_month=1).fields(), time_zone="Asia/Shanghai")
    first = "month: at 04:00, on day 1 of the month (Asia/Shanghai); next 2026-12-01 04:00:00, 2027-01-01 04:00:00"
    assert lines(app, alias) == [
        f"  beat    {first}, 2027-02-01 04:00:00",
        "          nightly: at 04:00, every day; next 2026-11-22 04:00:00, 2026-11-23 04:00:00, 2026-11-24 04:00:00",
    ]


def test_an_interval_is_told_from_the_run_that_is_planned(alias: str, app: Celery) -> None:
    planned = datetime(2026, 11, 24, 7, tzinfo=UTC)
    an_entry(alias, "weekly", kind="interval", fields={"every": 7 * 86400}, next_run=planned)
    [entry] = outlook(app, alias, 10).entries
    assert [datetime.fromtimestamp(time, UTC) for time in entry.next] == [planned + timedelta(weeks=week) for week in range(3)]


def test_what_the_code_declares_is_told_before_it_is_in_the_table(alias: str, app: Celery) -> None:
    app.conf.beat_schedule = {"declared": {"task": "count", "schedule": 30}, "wrong": {"task": "count", "schedule": "x"}}
    an_entry(alias, "kept")
    an_entry(alias, "off", enabled=False)
    assert [entry.name for entry in outlook(app, alias, 10).entries] == ["wrong", "declared", "kept"]
    told = {entry.name: entry.when for entry in outlook(app, alias, 10, disabled=True).entries}
    assert told.keys() == {"declared", "kept", "off", "wrong"}
    assert told["wrong"].startswith("schedule is 'x'; expected a number of seconds")


def test_of_many_the_first_are_told_and_how_many_more_there_are(alias: str, app: Celery) -> None:
    app.conf.beat_schedule = {f"b{number:02}": {"task": "count", "schedule": 30} for number in range(60)}
    for number in range(42):
        an_entry(alias, f"a{number:02}")
    text = lines(app, alias)
    names = [f"a{number:02}" for number in range(42)] + [f"b{number:02}" for number in range(58)]
    assert [line.split(":")[0].split()[-1] for line in text[:100]] == names
    assert text[100:] == ["          and 2 more: celeriac doctor"]


def test_a_minute_that_is_likely_not_meant_gets_a_warning(alias: str, app: Celery) -> None:
    an_entry(alias, "report", fields=crontab(hour=4).fields())
    assert lines(app, alias)[1] == "  warning report: minute='*' with hour='4' runs every minute of it; write minute=0."


def test_a_row_that_cannot_be_read_is_told_with_its_reason(alias: str, app: Celery) -> None:
    an_entry(alias, "broken", fields={"minute": "99"})
    [line] = lines(app, alias)
    assert "minute is '99': 99 is out of range" in line


def test_the_code_is_told_as_the_table_is_going_to_have_it(alias: str, app: Celery) -> None:
    given = {"changed": {"task": "count", "schedule": 3}, "left": {"task": "count", "schedule": 3}}
    given["paused"] = given["argued"] = given["left"]
    app.conf.beat_schedule = given
    synchronise(alias, declared(app))
    rows = PeriodicTask.objects.using(alias)
    rows.filter(name="paused").update(enabled=False)
    rows.filter(name="argued").update(fields={"every": 5})
    before = list(rows.order_by("id").values())
    app.conf.beat_schedule = {name: {"task": "count", "schedule": 44} for name in given if name != "left"}
    told = {entry.name: entry.when for entry in outlook(app, alias, 10).entries}
    assert told == {"changed": "every 44 seconds", "argued": "every 5 seconds"}
    assert list(rows.order_by("id").values()) == before, "nothing is written by who only tells"


def test_what_of_the_code_cannot_run_is_named_first_with_the_reason(alias: str, app: Celery) -> None:
    app.conf.beat_schedule = {
        "a": {"task": "count", "schedule": 30},
        "key": {"task": "count", "schedul": 30},
        "text": {"task": "count", "schedule": "0 4 * * *"},
        "typo": {"task": "cuont", "schedule": 30},
        "args": {"task": "count", "schedule": 30, "args": [1]},
        "policy": {"task": "count", "schedule": 30, "misfire": "never"},
        "off": {"task": "count", "schedule": 30, "enabled": False},
    }
    text = lines(app, alias)
    assert [line.split(":")[0] for line in text] == [
        "  warning key does not run",
        "  warning policy does not run",
        "  warning text does not run",
        "  beat    a",
        "  warning args does not run",
        "  warning typo does not run",
    ]
    said = dict(zip(("key", "policy", "text", "a", "args", "typo"), text, strict=True))
    assert "no 'schedul'. Did you mean 'schedule'?" in said["key"]
    assert "misfire is 'never'; expected one of skip, once, all." in said["policy"]
    assert "schedule is '0 4 * * *'" in said["text"]
    assert "count() cannot be called so" in said["args"]
    assert "No task is registered as 'cuont'. Did you mean 'count'?" in said["typo"]


def test_a_row_that_was_planned_in_another_zone_is_told_as_it_will_be(alias: str, app: Celery) -> None:
    ahead = datetime(2026, 11, 22, 4, tzinfo=UTC)
    an_entry(alias, "nightly", next_run=ahead, planned_in="UTC")
    an_entry(alias, "of its own", next_run=ahead, time_zone="UTC")
    told = {entry.name: datetime.fromtimestamp(entry.next[0], UTC).hour for entry in outlook(app, alias, 10).entries}
    assert told == {"nightly": 3, "of its own": 4}, "the project is in Berlin"
