"""What the code declares is brought into the table, and what somebody changed there stays changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from celeriac import Celery
from celeriac.beat.agenda import Agenda
from celeriac.beat.declaring import declared
from celeriac.beat.planning import Planning
from celeriac.beat.synchronising import synchronise
from celeriac.engine.brokers.sql.agenda import SQLAgenda
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.models import PeriodicTask

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
