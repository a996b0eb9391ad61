"""The table of periodic tasks in a measurement of beat: filled before it, and the jobs of its ticks looked at after it.

A program of its own, since Django's settings are one a process: ``python -m benchmarks.ticks fill|count|lateness ...``.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.celeriac_site.settings")
EVERY_MINUTE = dict.fromkeys(("minute", "hour", "day_of_week", "day_of_month", "month_of_year"), "*")
TASK = "benchmarks.peers.celeriac_site.tasks.measured"
MANY = 20_000
"""Rows that are written one by one; more of them are copies."""


def main(command: str, *numbers: str) -> None:
    """Do what the command line says."""
    django.setup()
    if command == "fill":
        fill(float(numbers[0]), int(numbers[1]), int(numbers[2]))
    else:
        print(json.dumps(lateness()))


def fill(due: float, count: int, others: int) -> None:
    """Make the tables, and so many periodic tasks that are due at a full minute, beside others that are due another day."""
    from django.core.management import call_command
    from django.db import connection

    from celeriac.models import PeriodicTask

    call_command("migrate", verbosity=0)
    minute = datetime.fromtimestamp(due, UTC)
    PeriodicTask.objects.bulk_create(
        [
            PeriodicTask(
                name=f"entry {number}", kind="crontab", fields=EVERY_MINUTE, task=TASK, args=[number, "abc"],
                next_run=minute if number < count else minute + timedelta(days=1, seconds=number % 3600),
            )
            for number in range(count + min(others, MANY))
        ],
        batch_size=500,
    )  # fmt: skip
    columns = [str(field.column) for field in PeriodicTask._meta.concrete_fields if field.column not in ("id", "name")]
    names = ", ".join(map(connection.ops.quote_name, columns))
    copy = f"""insert into celeriac_periodic (name, {names}) select name || ' again ' || %s, {names} from celeriac_periodic
        where next_run > %s order by id limit %s"""
    there = min(others, MANY)
    with connection.cursor() as cursor:
        while there < others:
            cursor.execute(copy, [there, minute, min(there, others - there)])
            there += min(there, others - there)
        cursor.execute("analyze")


def lateness() -> list[float]:
    """Return how late each job of the first tick was enqueued, in seconds, sorted."""
    from celeriac import current_app

    jobs = [job for job in current_app.broker().find({}, 200_000) if job.nominal is not None]
    first = min((job.nominal or 0.0 for job in jobs), default=0.0)
    return sorted((job.created or 0.0) - first for job in jobs if job.nominal == first)


if __name__ == "__main__":
    main(*sys.argv[1:])
