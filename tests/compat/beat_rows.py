"""Makes ``beat_rows.sql``: tables and rows as django-celery-beat itself makes them, from a folder without this project's code.

python -m venv venv; venv/bin/pip install django-celery-beat==2.9.0; venv/bin/python beat_rows.py > beat_rows.sql
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

UTC = dt.UTC


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(folder) / "beat.sqlite3")}
        settings.configure(
            DATABASES={"default": database}, INSTALLED_APPS=["django_celery_beat"], USE_TZ=True, SECRET_KEY="none",
        )  # fmt: skip
        django.setup()
        call_command("migrate", verbosity=0)
        make()
        from django.db import connection

        connection.ensure_connection()
        lines = connection.connection.iterdump()
        sys.stdout.writelines(f"{line}\n" for line in lines if "django_celery_beat_" in line and "sqlite_sequence" not in line)


def make() -> None:
    from django_celery_beat import models

    interval = models.IntervalSchedule.objects.create(every=10, period="seconds")
    schedules = {
        "interval": interval,
        "weekly": models.IntervalSchedule.objects.create(every=7, period="days"),
        "crontab": models.CrontabSchedule.objects.create(minute="30", hour="4", day_of_week="1-5", timezone="Asia/Shanghai"),
        "sunday": models.CrontabSchedule.objects.create(minute="0", hour="0", day_of_week="7"),
        "clocked": models.ClockedSchedule.objects.create(clocked_time=dt.datetime(2090, 1, 1, 9, tzinfo=UTC)),
        "over": models.ClockedSchedule.objects.create(clocked_time=dt.datetime(2020, 1, 1, 9, tzinfo=UTC)),
        "solar": models.SolarSchedule.objects.create(event="sunset", latitude=Decimal("52.52"), longitude=Decimal("13.40")),
    }
    tasks = models.PeriodicTask.objects
    tasks.create(
        name="often", task="count", interval=interval, args='["a", 2]', kwargs='{"deep": {"x": null}}', queue="slow",
        priority=5, headers='{"h": "x"}', expire_seconds=60, description="Each ten seconds", total_run_count=42,
    )  # fmt: skip
    ran = dt.datetime(2026, 11, 20, 12, tzinfo=UTC)
    tasks.create(name="weekly", task="count", interval=schedules["weekly"], last_run_at=ran)
    tasks.create(
        name="working days", task="count", crontab=schedules["crontab"], start_time=dt.datetime(2026, 1, 1, tzinfo=UTC),
        expires=dt.datetime(2080, 1, 1, tzinfo=UTC), routing_key="far", exchange="x",
    )  # fmt: skip
    tasks.create(name="sundays", task="count", crontab=schedules["sunday"])
    tasks.create(name="once", task="count", clocked=schedules["clocked"], one_off=True)
    tasks.create(name="long ago", task="count", clocked=schedules["over"], one_off=True)
    tasks.create(name="evening", task="count", solar=schedules["solar"])
    tasks.create(name="paused", task="count", interval=interval, enabled=False)
    tasks.create(name="misspelled", task="cuont", interval=interval)
    tasks.create(name="declared", task="count", interval=interval)
    tasks.create(name="celery.backend_cleanup", task="celery.backend_cleanup", interval=interval)
    for name, wrong in (("broken", {"args": "[1"}), ("torn", {"interval": None})):
        tasks.create(name=name, task="count", interval=interval)
        tasks.filter(name=name).update(**wrong)  # its own check is passed by


if __name__ == "__main__":
    main()
