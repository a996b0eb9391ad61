"""What the code declares is brought into the table, and what somebody changed there stays changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections

from celeriac import Celery
from celeriac.beat.agenda import Agenda
from celeriac.beat.declaring import declared
from celeriac.beat.handling import back_to_declaration
from celeriac.beat.planning import Planning
from celeriac.beat.synchronising import synchronise
from celeriac.engine.brokers.sql.agenda import SQLAgenda
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.models import PeriodicTask
from celeriac.schedules import crontab

SOON = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def app(app: Celery) -> Celery:
    app.conf.update(timezone="Europe/Berlin")
    return app


@pytest.fixture
def declare(app: Celery, alias: str) -> Any:
    """Return what sets the schedule of the code, and brings it into the table."""

    def declare(**entries: dict[str, Any]) -> None:
        app.conf.beat_schedule = entries
        synchronise(alias, declared(app))

    return declare


def row(alias: str, name: str = "x") -> PeriodicTask:
    return PeriodicTask.objects.using(alias).get(name=name)


def entry(**more: Any) -> dict[str, Any]:
    return {"task": "count", "schedule": 60, **more}


def test_a_new_entry_is_inserted_with_its_defaults(alias: str, declare: Any) -> None:
    declare(x=entry(args=[1], start=datetime(2026, 11, 21, 12)))  # noqa: DTZ001 - the time without a zone is the point
    made = row(alias)
    assert (made.origin, made.enabled, made.args, made.next_run, made.overrides) == ("code", True, [1], None, {})
    assert made.start == datetime(2026, 11, 21, 11, tzinfo=UTC), "a time without a zone is one of the project's"


def test_a_second_start_changes_nothing(alias: str, declare: Any) -> None:
    declare(x=entry())
    PeriodicTask.objects.using(alias).update(next_run=SOON, total_run_count=3)
    declare(x=entry())
    assert (row(alias).next_run, row(alias).total_run_count) == (SOON, 3)


def test_a_changed_declaration_changes_the_row_and_has_it_planned_anew(alias: str, declare: Any) -> None:
    declare(x=entry())
    PeriodicTask.objects.using(alias).update(next_run=SOON)
    declare(x=entry(description="every minute"))
    assert (row(alias).description, row(alias).next_run) == ("every minute", SOON)
    declare(x=entry(schedule=30))
    assert (row(alias).fields, row(alias).next_run) == ({"every": 30}, None)


def test_what_somebody_changed_stays_changed_and_the_rest_follows_the_code(alias: str, declare: Any) -> None:
    declare(x=entry(args=[1], description="old"))
    changed = row(alias)
    changed.enabled, changed.args = False, [2]
    changed.save()
    declare(x=entry(args=[3], description="new", schedule=30))
    now = row(alias)
    assert (now.enabled, now.args, now.description, now.fields) == (False, [2], "new", {"every": 30})
    assert now.overrides == {"enabled": False, "args": [2]}


def test_a_schedule_that_somebody_changed_is_kept_whole(alias: str, declare: Any) -> None:
    declare(x=entry())
    changed = row(alias)
    changed.kind, changed.fields = "crontab", {"minute": "5"}
    changed.save()
    declare(x=entry(schedule=30))
    assert (row(alias).kind, row(alias).fields) == ("crontab", {"minute": "5"})


def test_what_left_the_code_is_retired_and_what_comes_back_runs_again(alias: str, declare: Any) -> None:
    declare(x=entry(), y=entry())
    declare(y=entry())
    assert (row(alias).enabled, row(alias).retired, row(alias, "y").enabled) == (False, True, True)
    declare(x=entry(), y=entry())
    assert (row(alias).enabled, row(alias).retired) == (True, False)


def test_a_row_that_was_made_in_the_database_is_neither_retired_nor_changed(alias: str, declare: Any) -> None:
    PeriodicTask.objects.using(alias).create(name="x", kind="interval", fields={"every": 5}, task="count")
    declare(x=entry())
    declare()
    assert (row(alias).fields, row(alias).enabled, row(alias).retired) == ({"every": 5}, True, False)


def test_a_wrong_declaration_is_shown_and_runs_once_it_is_mended(alias: str, declare: Any) -> None:
    declare(x=entry(schedule="hourly"), y=entry())
    assert (row(alias).enabled, row(alias, "y").enabled) == (False, True)
    assert "schedule is 'hourly'" in row(alias).problem
    declare(x=entry(), y=entry())
    assert (row(alias).enabled, row(alias).problem, row(alias).kind) == (True, "", "interval")


def test_an_agenda_brings_the_declarations_in_before_it_fires(alias: str, app: Celery, others: SQLBroker) -> None:
    app.conf.beat_schedule = {"x": entry()}
    agenda = Agenda(app, alias, SQLAgenda(others, Planning(app)))
    while agenda.fire(10) == 0.0:
        continue
    assert row(alias).next_run is not None


# -- what left the code, and what was wrong there ---------------------------------------------------------------------------


def test_what_somebody_paused_is_paused_when_it_comes_back(alias: str, declare: Any) -> None:
    declare(x=entry(), y=entry(enabled=False), z=entry())
    for name in ("x", "y"):
        changed = row(alias, name)
        changed.enabled = not changed.enabled
        changed.save()
    declare()
    assert {(row(alias, name).enabled, row(alias, name).retired) for name in "xyz"} == {(False, True)}
    assert [row(alias, name).overrides for name in "xyz"] == [{"enabled": False}, {"enabled": True}, {}]
    declare(x=entry(), y=entry(enabled=False), z=entry())
    assert [row(alias, name).enabled for name in "xyz"] == [False, True, True]
    assert [row(alias, name).overrides for name in "xyz"] == [{"enabled": False}, {"enabled": True}, {}]
    declare(x=entry(description="a"), y=entry(enabled=False, description="b"), z=entry(enabled=False))
    assert [row(alias, name).enabled for name in "xyz"] == [False, True, False]


def test_what_was_changed_outlives_a_declaration_that_was_wrong_for_a_while(alias: str, declare: Any) -> None:
    declare(x=entry(), y=entry())
    changed = row(alias)
    changed.enabled, changed.args = False, [2]
    changed.save()
    wrong = {"task": "count", "schedul": 60}
    declare(x=wrong, y=wrong)
    assert [(row(alias, name).enabled, bool(row(alias, name).problem)) for name in "xy"] == [(False, True)] * 2
    declare(y=wrong)
    declare(x=entry(), y=entry(schedule=30))
    assert (row(alias).enabled, row(alias).args, row(alias).overrides) == (False, [2], {"enabled": False, "args": [2]})
    assert (row(alias, "y").enabled, row(alias, "y").problem, row(alias, "y").fields) == (True, "", {"every": 30})


def test_an_entry_that_a_ticker_stopped_was_paused_by_nobody(alias: str, declare: Any) -> None:
    declare(x=entry())
    PeriodicTask.objects.using(alias).update(enabled=False, problem="It is odd.")
    assert row(alias).overrides == {}
    declare()
    declare(x=entry())
    assert (row(alias).enabled, row(alias).problem) == (True, "")


def test_back_to_the_declaration_an_entry_that_was_stopped_runs_again(alias: str, declare: Any) -> None:
    declare(x=entry(args=[1]))
    PeriodicTask.objects.using(alias).update(args="broken", enabled=False, problem="args is 'broken'")
    assert back_to_declaration(row(alias)) == {"args": "broken"}
    assert (row(alias).enabled, row(alias).args, row(alias).problem) == (True, [1], "")


def test_the_name_of_what_the_code_declares_stays(alias: str, declare: Any) -> None:
    declare(x=entry())
    renamed = row(alias)
    renamed.name = "y"
    with pytest.raises(ValidationError, match="The code declares it as 'x'"):
        renamed.save()
    assert row(alias).name == "x"
    declare()
    renamed = row(alias)
    renamed.name = "y"
    renamed.save()
    assert row(alias, "y").retired, "what left the code may have any name"


# -- the project's time zone -------------------------------------------------------------------------------------------------


def planned(alias: str, app: Celery, others: SQLBroker) -> dict[str, datetime | None]:
    """Start anew, fire until nothing is due, and return when each row runs next."""
    agenda = Agenda(app, alias, SQLAgenda(others, Planning(app)))
    while agenda.fire(10) == 0.0:
        continue
    return {row.name: row.next_run for row in PeriodicTask.objects.using(alias).all()}


def test_a_new_zone_of_the_project_has_planned_anew_what_names_none(alias: str, app: Celery, others: SQLBroker) -> None:
    app.conf.timezone = "UTC"
    app.conf.beat_schedule = {
        "monthly": entry(schedule=crontab(0, 7, day_of_month=5)),
        "zoned": entry(schedule=crontab(0, 7, day_of_month=5, tz="Asia/Tokyo")),
        "often": entry(schedule=86400),
    }
    made = {"kind": "crontab", "fields": crontab(0, 7, day_of_month=5).fields(), "task": "count"}
    PeriodicTask.objects.using(alias).create(name="admin", **made)
    before = planned(alias, app, others)
    assert {name: time.hour for name, time in before.items() if time and name != "often"} == {
        "monthly": 7, "admin": 7, "zoned": 22,
    }  # fmt: skip
    app.conf.timezone = "Asia/Shanghai"
    after = planned(alias, app, others)
    assert {name: time.hour for name, time in after.items() if time and name != "often"} == {
        "monthly": 23, "admin": 23, "zoned": 22,
    }  # fmt: skip
    assert after["often"] == before["often"], "an interval goes by no clock"
    assert planned(alias, app, others) == after
    app.conf.timezone = "UTC"
    assert planned(alias, app, others) == before


def test_a_new_zone_of_the_project_takes_no_tick_away(alias: str, app: Celery, others: SQLBroker) -> None:
    rows = PeriodicTask.objects.using(alias)
    late, soon = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3), datetime.now(UTC) + timedelta(hours=1)
    given = {"kind": "crontab", "fields": crontab(0, 7, day_of_month=5).fields(), "task": "count", "planned_in": "UTC"}
    rows.create(name="late", next_run=late, **given)
    rows.create(name="held", next_run=soon, held=late, **given)
    app.conf.timezone = "Asia/Shanghai"
    planned(alias, app, others)
    assert [(job.schedule, job.nominal) for job in others.find({}, 10)] == [("late", late.timestamp())]
    assert (rows.get(name="held").held, rows.get(name="held").next_run) == (late, soon)
    assert rows.get(name="late").next_run.hour == 23
    assert set(rows.values_list("planned_in", flat=True)) == {"Asia/Shanghai"}


def test_a_row_that_came_by_sql_needs_no_word_of_the_zone(alias: str, app: Celery, others: SQLBroker) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "insert into celeriac_periodic (name, kind, fields, task, args, kwargs, headers, options, description, problem,"
            " recent) values ('x', 'crontab', '{}', 'count', '[]', '{}', '{}', '{}', '', '', '[]')"
        )
    assert planned(alias, app, others)["x"] is not None
    assert (row(alias).planned_in, row(alias).enabled_before) == ("Europe/Berlin", None)
