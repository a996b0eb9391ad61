"""Django's own ``@task`` in a real worker: the blocks of docs/django-tasks.md as they stand there, and each option once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import django
import pytest

from tests.process.smallsite import Project

pytestmark = pytest.mark.process

PAGE = Path(__file__).parents[2] / "docs" / "django-tasks.md"
TASKS = 'TASKS = {"default": {"BACKEND": "celeriac.backend.CeleriacBackend"}}'


def block(title: str) -> str:
    """Return the block of the page whose first line is ``# title``, for the Django that is installed."""
    found = re.search(rf"^```python\n# {re.escape(title)}\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert found is not None, f"{PAGE.name} has no block that begins with '# {title}'"
    return found[1] if django.VERSION >= (6, 0) else found[1].replace("django.tasks", "django_tasks")


def write(site: Project, name: str, text: str) -> None:
    file = site.folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)


def printed(site: Project, *command: str) -> str:
    started = site.start(*command)
    status = started.wait()
    assert status == 0, started.printed()
    return started.printed()


def migrate(site: Project) -> None:
    printed(site, "manage.py", "migrate", "-v", "0")


def test_the_page_works_as_it_stands(site: Project) -> None:
    site.configure('INSTALLED_APPS = ["shop"]', block("shop/settings.py"))
    write(site, "orders/__init__.py", "")
    write(site, "orders/tasks.py", block("orders/tasks.py"))
    write(site, "orders/options.py", block("orders/options.py"))
    write(site, "orders/tests.py", block("orders/tests.py"))
    migrate(site)
    assert "OK" in printed(site, "manage.py", "test", "orders", "-v", "1")
    worker = site.worker()
    assert printed(site, "manage.py", "shell", "-v", "0", "-c", block("manage.py shell")).split()[-1] == "42"
    assert worker.stop() == 0


SAMPLE = """

import time

from django.db import connection, transaction

from celeriac.backend import runnable, task
from celeriac.backend.djangotasks import signals
from celeriac.exceptions import SoftTimeLimitExceeded

runnable.GRACE = 0.5


def tell(sender, task_result, **about):
    with open("told", "a") as told:
        told.write(f"{task_result.task.name} {task_result.status} {task_result.attempts}\\n")


signals.task_finished.connect(tell)


def soon(exception, task_result):
    return 0.01


@task
def plain(a, b):
    return a + b


@task(priority=5)
async def coroutine(a, b):
    return a + b


@task(max_attempts=3, backoff=soon, takes_context=True)
def late(context, key):
    context.metadata["attempts"] = [*context.metadata.get("attempts", []), context.attempt]
    context.save_metadata()
    if context.attempt < 3:
        raise OSError(f"attempt {context.attempt}")
    return [context.metadata, len(context.task_result.errors), context.job.id == context.task_result.id]


@task(max_attempts=2, backoff=soon, takes_context=True)
async def late_coroutine(context):
    if context.attempt < 2:
        raise OSError("first")
    return [len(context.task_result.errors), context.attempt]


@task(timeout=0.3, max_attempts=2, backoff=soon)
def slow():
    time.sleep(30)


@task(timeout=0.2)
def deaf():
    while True:
        try:
            time.sleep(30)
        except SoftTimeLimitExceeded:
            continue


@task(expires=0.001)
def too_late():
    return "ran"


@task(transactional=True, max_attempts=2, backoff=soon)
def entry(text, fails=False):
    with connection.cursor() as cursor:
        cursor.execute("insert into ledger (text) values (%s)", [text])
    if fails:
        raise OSError(text)


@task
def calls_celery():
    return add.delay(1, 1).id


@shared_task
def calls_django():
    return plain.enqueue(2, 3).id
"""

CLIENT = """
import json, os
from datetime import timedelta

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "proj.settings"
django.setup()

from django.db import connection, transaction

from celeriac import AsyncResult
from celeriac.backend.djangotasks import task_backends
from shop import tasks

with connection.cursor() as cursor:
    cursor.execute("create table ledger (text varchar(20))")
with transaction.atomic():
    tasks.plain.enqueue(0, 0)
    transaction.set_rollback(True)
results = {
    "plain": tasks.plain.enqueue(1, b=2),
    "coroutine": tasks.coroutine.enqueue(3, 4),
    "late": tasks.late.using(metadata={"begun": "by us"}).enqueue("key"),
    "late_coroutine": tasks.late_coroutine.enqueue(),
    "slow": tasks.slow.enqueue(),
    "deaf": tasks.deaf.enqueue(),
    "too_late": tasks.too_late.using(run_after=timedelta(seconds=0.1)).enqueue(),
    "kept": tasks.entry.enqueue("kept"),
    "undone": tasks.entry.enqueue("undone", fails=True),
    "calls_celery": tasks.calls_celery.enqueue(),
    "deferred": tasks.plain.using(run_after=timedelta(seconds=0.2)).enqueue(5, 6),
}
from_celery = tasks.calls_django.delay()
results["from_celery"] = task_backends["default"].get_result(from_celery.get(timeout=50))
found = {}
for name, result in results.items():
    AsyncResult(result.id).get(timeout=50, propagate=False)
    result.refresh()
    found[name] = {
        "status": result.status, "attempts": result.attempts, "workers": len(set(result.worker_ids)),
        "errors": [error.exception_class.__name__ for error in result.errors], "metadata": result.metadata,
        "value": result.return_value if result.status == "SUCCESSFUL" else None,
    }
found["celery"] = AsyncResult(found["calls_celery"]["value"]).get(timeout=50)[0]
with connection.cursor() as cursor:
    cursor.execute("select text from ledger")
    found["ledger"] = [text for (text,) in cursor.fetchall()]
found["kept"]["rows"] = len(AsyncResult(results["kept"].id).attempts())
found["jobs"] = len(AsyncResult("").app.broker().find({}, 100))
print(json.dumps(found))
"""


def test_each_option_in_a_real_worker(site: Project) -> None:
    site.configure(TASKS)
    site.add_tasks(SAMPLE)
    write(site, "client.py", CLIENT)
    migrate(site)
    worker = site.worker()
    found: dict[str, Any] = json.loads(printed(site, "client.py").splitlines()[-1])

    def seen(name: str) -> list[Any]:
        return [found[name][key] for key in ("status", "attempts", "errors", "value")]

    assert seen("plain") == ["SUCCESSFUL", 1, [], 3]
    assert seen("coroutine") == ["SUCCESSFUL", 1, [], 7]
    metadata = {"begun": "by us", "attempts": [1, 2, 3]}
    assert seen("late") == ["SUCCESSFUL", 3, ["OSError"] * 2, [metadata, 2, True]]
    assert found["late"]["metadata"] == metadata
    assert found["late"]["workers"] == 1
    assert seen("late_coroutine") == ["SUCCESSFUL", 2, ["OSError"], [1, 2]]
    assert seen("slow") == ["FAILED", 2, ["SoftTimeLimitExceeded"] * 2, None]
    assert seen("deaf") == ["FAILED", 1, ["TimeLimitExceeded"], None]
    assert seen("too_late")[0] == "FAILED"
    assert found["too_late"]["errors"] == ["TaskRevokedError"]
    assert seen("kept") == ["SUCCESSFUL", 1, [], None]
    assert seen("undone") == ["FAILED", 2, ["OSError"] * 2, None]
    assert found["ledger"] == ["kept"]
    assert found["kept"]["rows"] == 0  # a clean job leaves no row of its attempt, so Django's own log is not kept with it
    assert seen("deferred")[3] == 11
    assert seen("from_celery")[3] == 5
    assert found["celery"] == 2
    assert found["jobs"] == 14  # in one list: 12 of Django's @task, 2 of @shared_task; what was rolled back is not there
    assert worker.stop() == 0
    assert "state=SUCCESSFUL" not in worker.printed()  # what Django logs at INFO, and this worker is told WARNING
    told = (site.folder / "told").read_text().splitlines()
    assert "deaf FAILED 1" in told  # by the herald: its process was killed
    assert "late SUCCESSFUL 3" in told
    assert "slow FAILED 2" in told
    assert len(told) == 11  # each job once, those of @shared_task and the one that never began apart
