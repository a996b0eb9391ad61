"""``python -m benchmarks.pages [--engine sqlite] [--jobs 1000000]``: how long the admin's pages take with many jobs.

The table is made once, with statements of the database's own; then each page is asked for through Django's test client.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import django
from django.conf import settings
from rich.console import Console
from rich.table import Table

from celeriac.testing.postgres import PostgresServer

ENGINES = ("sqlite", "postgres")
WAL = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
LIVE = 10_000
"""Jobs that have not ended."""
DAYS = 10.0
NOWHERE = "no-job-mentions-this"

# Number n is the n-th job. One in 50 failed; the newest have not ended; of the first ten thousand, some are of a rare task.
COLUMNS = """number, id, task, queue, payload, state, trouble, attempts, created, started, finished, result, worker, priority,
    charges, version"""
ROWS = """select n, 'job-' || n, case when n < 10000 and n % 1000 = 0 then 'shop.rare' else 'shop.task' || (n % 20) end,
    'queue' || (n % 5), {payload}, {state}, {trouble}, 1, {time}, {time}, {time}, {result}, 'fig@tree', 0, 0, 1
    from {numbers}"""
STATE = "case when n > {most} then 'waiting' when n % 50 = 0 then 'failed' else 'succeeded' end"
TROUBLE = "case when n <= {most} and n % 50 = 0 then 'failed' end"
LIVE_ROWS = """insert into celeriac_live (job, queue, priority, state, run_at, delivery, charges, once, revoked, doomed)
    select number, queue, 0, case when number % 10 = 0 then 'scheduled' else 'waiting' end, created, 0, 0,
    {false}, {false}, {false} from celeriac_job where number > {most}"""
ATTEMPTS = """insert into celeriac_attempt (job, "index", state, started, finished, worker, error)
    select number, 1, 'failed', started, finished, worker, {error} from celeriac_job where trouble = 'failed'"""
ERROR = json.dumps({"type": "KeyError", "module": "builtins", "message": "plum", "traceback": "line\n" * 40})
DIALECTS = {
    "sqlite": {
        "payload": "cast('[[' || n || '],{\"note\":\"" + "x" * 80 + "\"},{}]' as blob)",
        "result": "cast('{\"sum\": 42}' as blob)",
        "time": "strftime('%Y-%m-%d %H:%M:%f000', 'now', ((n - {jobs}) * {step}) || ' seconds')",
        "numbers": "(with recursive s(n) as (select 1 union all select n + 1 from s where n < {jobs}) select n from s)",
        "error": "'{error}'",
        "false": "0",
    },
    "postgres": {
        "payload": "convert_to('[[' || n || '],{\"note\":\"" + "x" * 80 + "\"},{}]', 'UTF8')",
        "result": "convert_to('{\"sum\": 42}', 'UTF8')",
        "time": "now() + ((n - {jobs}) * {step}) * interval '1 second'",
        "numbers": "generate_series(1, {jobs}) as s(n)",
        "error": "'{error}'::jsonb",
        "false": "false",
    },
}


@contextmanager
def database(engine: str) -> Iterator[dict[str, Any]]:
    """Start a database and yield its settings."""
    if engine == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            options = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": WAL}
            yield {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(folder) / "pages.sqlite3"), "OPTIONS": options}
    else:
        with PostgresServer() as server:
            params = server.params
            place = {"HOST": params["host"], "PORT": str(params["port"]), "USER": params["user"], "NAME": params["dbname"]}
            yield {"ENGINE": "django.db.backends.postgresql", **place}


def configure(of_database: dict[str, Any]) -> None:
    """Set Django up with the admin and nothing else."""
    middleware = ["sessions.middleware.SessionMiddleware", "auth.middleware.AuthenticationMiddleware"]
    processors = ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth"]
    processors.append("django.contrib.messages.context_processors.messages")
    apps = ["admin", "auth", "contenttypes", "messages", "sessions"]
    settings.configure(
        SECRET_KEY=secrets.token_hex(), USE_TZ=True, ROOT_URLCONF="tests.urls", STATIC_URL="/static/", ALLOWED_HOSTS=["*"],
        DATABASES={"default": of_database}, INSTALLED_APPS=[*(f"django.contrib.{name}" for name in apps), "celeriac"],
        MIDDLEWARE=[*(f"django.contrib.{name}" for name in middleware), "django.contrib.messages.middleware.MessageMiddleware"],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": processors},
            }
        ],
    )  # fmt: skip
    django.setup()


def fill(engine: str, jobs: int) -> None:
    """Make the tables and fill them."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    numbers = {"most": jobs - LIVE, "jobs": jobs, "step": DAYS * 86_400 / jobs}
    words = DIALECTS[engine]

    def said(text: str) -> str:
        for name, value in [*words.items(), ("state", STATE), ("trouble", TROUBLE), ("error", ERROR), *numbers.items()]:
            text = text.replace("{" + name + "}", str(value))
        for name, value in [("error", ERROR), *numbers.items()]:
            text = text.replace("{" + name + "}", str(value))
        return text

    with connection.cursor() as cursor:
        for statement in (f"insert into celeriac_job ({COLUMNS}) {ROWS}", LIVE_ROWS, ATTEMPTS):
            cursor.execute(said(statement))
        if engine == "postgres":
            cursor.execute(
                "select setval(pg_get_serial_sequence('celeriac_job', 'number'), (select max(number) from celeriac_job))"
            )
            cursor.execute("vacuum analyze")


def pages(jobs: int) -> dict[str, str]:
    """Return the addresses to ask for, by what they show."""
    jobs_list = "/admin/celeriac/job/"
    failed = (jobs - LIVE) // 50 * 50
    return {
        "the newest jobs": jobs_list,
        "older jobs, in the middle": f"{jobs_list}?before={jobs // 2}",
        "state failed": f"{jobs_list}?state=failed",
        "state succeeded": f"{jobs_list}?state=succeeded",
        "state scheduled": f"{jobs_list}?state=scheduled",
        "state running (none)": f"{jobs_list}?state=running",
        "a task": f"{jobs_list}?task=shop.task7",
        "a task with ten jobs, the oldest": f"{jobs_list}?task=shop.rare",
        "a queue, the last 24 hours": f"{jobs_list}?queue=queue3&within=day",
        "a task and failed": f"{jobs_list}?state=failed&task=shop.task10",
        "search: an id": f"{jobs_list}?q=job-{jobs // 3}",
        "search: a part of a name": f"{jobs_list}?q=task13",
        "search: what nothing mentions": f"{jobs_list}?q={NOWHERE}",
        "a job that succeeded": f"{jobs_list}job-{jobs // 2 + 1}/change/",
        "a job that failed": f"{jobs_list}job-{failed}/change/",
        "workers": "/admin/celeriac/worker/",
        "queues": "/admin/celeriac/queue/",
    }


def measured(ask: Callable[[], int], repeat: int) -> tuple[float, float, float]:
    """Return the median of the CPU time of this process, and median and p95 of the time, in ms, of ``repeat`` requests."""
    ask()
    busy, taken = [], []
    for _ in range(repeat):
        begun, busy_before = time.perf_counter(), time.process_time()
        assert ask() == 200
        taken.append((time.perf_counter() - begun) * 1000)
        busy.append((time.process_time() - busy_before) * 1000)
    return median(busy), median(taken), quantiles(taken, n=20)[-1]


def run(engine: str, jobs: int, repeat: int) -> Table:
    """Measure one engine in this process."""
    with database(engine) as of_database:
        configure(of_database)
        begun = time.perf_counter()
        fill(engine, jobs)
        title = f"{engine}: {jobs:,} jobs (made in {time.perf_counter() - begun:.0f} s), ms of {repeat} requests each"
        table = Table(title=f"{title}, load {os.getloadavg()[0]:.1f}")
        for column in ("page", "CPU", "p50", "p95"):
            table.add_column(column, justify="left" if column == "page" else "right")
        from django.contrib.auth.models import User
        from django.test import Client

        client = Client()
        client.force_login(User.objects.create(username="gardener", is_staff=True, is_superuser=True))
        for name, address in pages(jobs).items():
            taken = measured(lambda address=address: client.get(address).status_code, repeat)  # type: ignore[misc]  # bound now
            table.add_row(name, *(f"{value:.0f}" for value in taken))
        from django.db import connections

        connections.close_all()
    return table


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, default="sqlite")
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=30)
    options = parser.parse_args()
    Console(width=110).print(run(options.engine, options.jobs, options.repeat))


if __name__ == "__main__":
    main()
