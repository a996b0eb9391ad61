"""What django-celery-beat kept is copied, once, and what cannot be is said; the tables are as its version 2.9 makes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from celeriac import Celery
from celeriac.compat.beat import tables
from celeriac.compat.beat.importing import Imported, Verdict, import_rows
from celeriac.exceptions import ImproperlyConfigured
from celeriac.models import PeriodicTask
from celeriac.schedules import crontab
from tests.conformance.conftest import empty

DUMP = Path(__file__).parents[1] / "compat" / "beat_rows.sql"


@pytest.fixture
def alias(sqlite_alias: str) -> Iterator[str]:
    """A database with the tables of django-celery-beat beside ours."""
    empty(sqlite_alias)
    connection = connections[sqlite_alias]
    connection.ensure_connection()
    connection.connection.executescript(f"pragma foreign_keys=off;begin;{DUMP.read_text()}commit;pragma foreign_keys=on;")
    yield sqlite_alias
    with connection.cursor() as cursor:
        for table in (tables.TASKS, "django_celery_beat_periodictasks", *tables.SCHEDULES.values()):
            cursor.execute(f"drop table if exists {table}")
    connection.close()


@pytest.fixture
def app(alias: str) -> Iterator[Celery]:
    app = Celery("shop", broker=f"django://{alias}")
    app.task(name="count")(lambda *args, **kwargs: None)
    app.conf.beat_schedule = {"declared": {"task": "count", "schedule": 5}}
    yield app
    app.close()


def sql(alias: str, statement: str, *params: Any) -> list[Any]:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall()


def by_name(found: list[Imported]) -> dict[str, Imported]:
    return {one.name: one for one in found}


def row(alias: str, name: str) -> PeriodicTask:
    return PeriodicTask.objects.using(alias).get(name=name)


def test_each_row_is_copied_with_all_it_says(alias: str, app: Celery) -> None:
    found = by_name(import_rows(app, alias))
    often = row(alias, "often")
    assert (often.kind, often.fields, often.task, often.args, often.kwargs) == (
        "interval", {"every": 10}, "count", ["a", 2], {"deep": {"x": None}},
    )  # fmt: skip
    assert (often.queue, often.priority, often.headers, often.options) == ("slow", 5, {"h": "x"}, {"expires": 60})
    assert (often.description, often.total_run_count, often.enabled, often.origin) == ("Each ten seconds", 42, True, "admin")
    days = row(alias, "working days")
    assert (days.kind, days.fields, days.time_zone) == ("crontab", crontab(30, 4, "1-5").fields(), "Asia/Shanghai")
    assert (days.queue, days.start, days.end) == ("far", datetime(2026, 1, 1, tzinfo=UTC), datetime(2080, 1, 1, tzinfo=UTC))
    assert row(alias, "evening").fields == {"event": "sunset", "lat": 52.52, "lon": 13.4}
    assert (row(alias, "once").fields, row(alias, "once").one_off) == ({"clocked_time": "2090-01-01T09:00:00+00:00"}, True)
    assert found["working days"] == Imported(
        "working days", Verdict.IMPORTED, "at 04:30, every Monday to Friday (Asia/Shanghai)"
    )
    assert (row(alias, "paused").enabled, found["paused"].about) == (False, "every 10 seconds. It is disabled, as it was.")


def test_what_is_not_copied_is_said_with_the_reason(alias: str, app: Celery) -> None:
    found = by_name(import_rows(app, alias))
    reasons = {name: one.about for name, one in found.items() if one.verdict is Verdict.FAILED}
    assert reasons.keys() == {"sundays", "broken", "torn"}
    assert reasons["sundays"].startswith("day_of_week is '7': 7 is out of range")
    assert reasons["broken"].startswith("args is '[1', which is not JSON")
    assert reasons["torn"].endswith("this one has none.")
    assert found["declared"].verdict is found["celery.backend_cleanup"].verdict is Verdict.LEFT
    assert "Did you mean 'count'" in found["misspelled"].about
    assert (row(alias, "long ago").enabled, found["long ago"].about.endswith("its time is over.")) == (False, True)
    assert PeriodicTask.objects.using(alias).count() == 8


def test_what_is_not_meant_so_is_said_of_what_is_copied(alias: str, app: Celery) -> None:
    app.task(name="strict")(lambda word: None)
    tasks = "update django_celery_beat_periodictask set"
    sql(alias, f"{tasks} expires = '2020-01-01 00:00:00' where name = 'working days'")
    sql(alias, f"{tasks} task = 'strict' where name = 'often'")
    sql(
        alias,
        "update django_celery_beat_crontabschedule set minute = '*', day_of_week = '*', hour = '0' where day_of_week = '7'",
    )
    found = by_name(import_rows(app, alias))
    assert found["working days"].about.endswith("It is disabled: its time is over.")
    assert row(alias, "working days").enabled is False
    assert "strict(word) cannot be called so" in found["often"].about
    assert found["sundays"].about.endswith("minute='*' with hour='0' runs every minute of it; write minute=0.")


def test_an_interval_goes_on_from_its_last_run(alias: str, app: Celery) -> None:
    ran = timezone.now().replace(microsecond=0) - timedelta(days=6)
    sql(alias, "update django_celery_beat_periodictask set last_run_at = %s where name = 'weekly'", f"{ran:%Y-%m-%d %H:%M:%S}")
    import_rows(app, alias)
    weekly = row(alias, "weekly")
    assert (weekly.last_run, weekly.next_run) == (ran, ran + timedelta(days=7))


def test_a_second_time_nothing_changes_not_even_what_was_changed_here(alias: str, app: Celery) -> None:
    import_rows(app, alias)
    PeriodicTask.objects.using(alias).filter(name="often").update(enabled=False)
    before = list(PeriodicTask.objects.using(alias).order_by("id").values())
    again = {one.verdict for one in import_rows(app, alias)}
    assert again == {Verdict.THERE, Verdict.LEFT, Verdict.FAILED}
    assert list(PeriodicTask.objects.using(alias).order_by("id").values()) == before


def test_a_dry_run_says_the_same_and_writes_nothing(alias: str, app: Celery) -> None:
    dry = import_rows(app, alias, write=False)
    assert not PeriodicTask.objects.using(alias).exists()
    assert import_rows(app, alias) == dry


def test_its_own_rows_stay_as_they_are(alias: str, app: Celery) -> None:
    before = sql(alias, "select * from django_celery_beat_periodictask")
    import_rows(app, alias)
    assert sql(alias, "select * from django_celery_beat_periodictask") == before


def test_tables_of_an_older_version_have_less(alias: str, app: Celery) -> None:
    for column in ("priority", "headers", "expire_seconds", "start_time"):
        sql(alias, f"alter table django_celery_beat_periodictask drop column {column}")
    sql(alias, "alter table django_celery_beat_crontabschedule drop column timezone")
    found = by_name(import_rows(app, alias))
    assert (row(alias, "often").priority, row(alias, "often").headers) == (None, {})
    assert found["working days"].about == "at 04:30, every Monday to Friday"


def test_without_its_tables_the_answer_is_where_it_looked(app: Celery, alias: str) -> None:
    sql(alias, "drop table django_celery_beat_periodictask")
    with pytest.raises(ImproperlyConfigured, match="no table django_celery_beat_periodictask in the database"):
        import_rows(app, alias)
    with pytest.raises(ImproperlyConfigured, match="There is no database 'nowhere' in DATABASES"):
        import_rows(app, "nowhere")
