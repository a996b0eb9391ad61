"""``celeriac migrate check``: what it finds in a project, at which line, and what it says about it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from celeriac import signals
from celeriac.app import Celery
from celeriac.cli import main
from celeriac.compat.modules import WORKFLOWS
from celeriac.migrating import Category, Finding, Report, check, knowledge
from celeriac.migrating.commands import parse, replacement
from celeriac.migrating.imports import supplied
from celeriac.migrating.report import as_json, text

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = "import celeriac\n\nceleriac.install_as_celery()\n"
SETTINGS = 'INSTALLED_APPS = ["celeriac"]\nTIME_ZONE = "UTC"\nCELERY_TASK_ACKS_LATE = True\n'

Checked = Callable[..., Report]


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    """Write a project that is fine but for the files given, and check it."""

    def write(files: dict[str, str], settings: str = "") -> Report:
        whole = {"shop/__init__.py": INSTALLED, "shop/settings.py": SETTINGS + textwrap.dedent(settings), **files}
        for name, content in whole.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content), encoding="utf-8")
        return check(tmp_path)

    return write


def only(report: Report) -> Finding:
    """Return the finding of a project in which there is to be one."""
    assert len(report.findings) == 1, report.findings
    return report.findings[0]


# -- a project that is fine ------------------------------------------------------------------------------------------------

FINE = """
    from celery import Celery, current_app, shared_task, signature
    from celery.exceptions import Ignore, MaxRetriesExceededError, SoftTimeLimitExceeded
    from celery.result import AsyncResult
    from celery.signals import task_failure, worker_process_init
    from celery.utils.log import get_task_logger
    from datetime import datetime, timedelta
    from multiprocessing import Pool
    from kombu import Exchange, Queue
    from typing import TYPE_CHECKING

    try:
        from celery.worker.request import Request
    except ImportError:
        Request = object
    if TYPE_CHECKING:
        from celery.canvas import chord

    app = Celery("shop")
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.autodiscover_tasks()
    logger = get_task_logger(__name__)

    @shared_task(bind=True, name="shop.one", queue="mail", max_retries=5, autoretry_for=(OSError,), retry_backoff=True,
                 ignore_result=True, acks_late=True, time_limit=60, soft_time_limit=30, serializer="json", throws=(KeyError,))
    def one(self, text):
        self.update_state(state="PROGRESS", meta={"part": text.replace("a", "b")})
        raise self.retry(countdown=5)

    @app.task(rate_limit=None)
    def two(x, y=1): ...

    def call(frame, pool):
        one.apply_async(("a",), countdown=5, expires=60, queue="mail", retry=True, serializer="json", link=two.s(2), headers={})
        two.apply_async((1,), eta=datetime.now() + timedelta(days=1), task_id="x")
        app.send_task("shop.one", ["a"])
        frame.column.map(str).chunks(3)
        pool.apply_async(two, (1,), callback=print)
        app.control.revoke("x", terminate=True)
        app.control.purge()
        current_app.control.terminate("x")
        return {"a"} | {"b"}, AsyncResult("x").get(timeout=3)
"""


def test_a_project_that_is_fine_has_nothing_to_change(checked: Checked) -> None:
    report = checked(
        {"shop/tasks.py": FINE, "Procfile": "web: gunicorn shop.wsgi\nworker: celeriac -A shop worker -l info\n"},
        """
        CELERY_BROKER_URL = env("BROKER_URL", default="django://default")
        CELERY_RESULT_BACKEND = env("RESULTS")
        CELERY_TASK_SERIALIZER = "json"
        CELERY_RESULT_SERIALIZER = "json"
        CELERY_ACCEPT_CONTENT = ["application/json"]
        CELERY_TIMEZONE = TIME_ZONE
        CELERY_ENABLE_UTC = True
        CELERY_TASK_DEFAULT_QUEUE = "main"
        CELERY_TASK_ROUTES = {"shop.*": {"queue": "shop"}}
        CELERY_TASK_TIME_LIMIT = 5 * 60
        CELERY_WORKER_CONCURRENCY = 4
        CELERY_BEAT_SCHEDULE = {}
        CELERY_EMAIL_CHUNK_SIZE = 5
        """,
    )
    assert report.findings == ()
    assert text(report).count("\n") == 1
    assert text(report).startswith("Nothing to change: 4 files read in ")
    assert report.exit_status == 0


def test_a_project_written_for_celeriac_has_nothing_to_change(checked: Checked) -> None:
    report = checked(
        {"shop/tasks.py": "from celeriac import shared_task\n\n@shared_task\ndef one(): ...\n", "shop/__init__.py": ""},
        "del CELERY_TASK_ACKS_LATE\n",
    )
    assert report.findings == ()


def test_the_demo_site_has_nothing_to_change() -> None:
    assert [finding for finding in check(ROOT / "example").findings if finding.category is Category.UNSUPPORTED] == []


# -- settings --------------------------------------------------------------------------------------------------------------

PICKLES = "There is no pickle"
NO_SCHEDULERS = "What Celery's schedulers are made of"


@pytest.mark.parametrize(
    ("setting", "category", "reason"),
    [
        ('CELERY_BROKER_URL = "sqs://:secret@host:6379/0"', Category.DIFFERS, "does not connect"),
        ('BROKER_URL = "sqs://guest@localhost"', Category.DIFFERS, "does not connect"),
        ('CELERY_BROKER_URL = f"sqs://{HOST}:5672"', Category.DIFFERS, "does not connect"),
        ('CELERY_BROKER_URL = os.environ.get("QUEUES", "sqs://localhost")', Category.DIFFERS, "does not connect"),
        ('CELERY_BROKER_URL = "carrier-pigeon://x"', Category.UNSUPPORTED, "No broker has such a URL"),
        ('CELERY_RESULT_BACKEND = "django-db"', Category.DIFFERS, "records of Celeriac's own"),
        ('CELERY_RESULT_BACKEND = "redis://localhost"', Category.DIFFERS, "records of Celeriac's own"),
        ('CELERY_RESULT_BACKEND = "db+sqlite:///results.db"', Category.IGNORED, "does not connect to this result backend"),
        ('CELERY_RESULT_BACKEND = "rpc://"', Category.IGNORED, "kept with their jobs"),
        ('CELERY_RESULT_BACKEND = "djang-db"', Category.UNSUPPORTED, "No result backend"),
        ('CELERY_TASK_SERIALIZER = "pickle"', Category.UNSUPPORTED, PICKLES),
        ('CELERY_RESULT_SERIALIZER = "application/x-python-serialize"', Category.UNSUPPORTED, PICKLES),
        ('CELERY_TASK_SERIALIZER = "yaml"', Category.IGNORED, "are JSON"),
        ('CELERY_ACCEPT_CONTENT = ["pickle"]', Category.UNSUPPORTED, PICKLES),
        ('CELERY_ACCEPT_CONTENT = ["json", "pickle"]', Category.IGNORED, "are JSON"),
        ("CELERY_ENABLE_UTC = False", Category.DIFFERS, "always kept in UTC"),
        ("CELERY_TASK_IGNORE_RESULT = True", Category.DIFFERS, "states and errors are kept"),
        ("CELERYD_PREFETCH_MULTIPLIER = 1", Category.IGNORED, "nothing to tune"),
        ('CELERY_WORKER_POOL = "gevent"', Category.DIFFERS, "asyncio pool"),
        ("CELERY_RESULT_EXPIRES = 3600", Category.DIFFERS, "14 days"),
        ('CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"', Category.IGNORED, "a table of the"),
        ('CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}', Category.IGNORED, "broker's URL says"),
        ('CELERY_TASK_DEFAULT_RATE_LIMIT = "10/m"', Category.DIFFERS, "all of them together"),
        ("CELERYD_FORCE_EXECV = True", Category.IGNORED, "forked"),
        ("CELERY_RESULT_EXTENDED = False", Category.IGNORED, "always kept"),
        ('CELERY_TIMEZONE = "Mars/Base"', Category.UNSUPPORTED, "the name of a time zone"),
        ("CELERY_WORKER_CONCURRENCY = -1", Category.UNSUPPORTED, "a whole number"),
    ],
)  # fmt: skip
def test_a_setting_is_named_with_its_line(checked: Checked, setting: str, category: Category, reason: str) -> None:
    found = only(checked({}, f"\n{setting}\n"))
    assert (found.category, found.file, found.line) == (category, "shop/settings.py", 5)
    assert reason in found.reason
    assert found.what.startswith(setting.partition(" = ")[0])
    assert found.fix.endswith(".")


def test_a_password_is_not_shown(checked: Checked) -> None:
    report = checked(
        {}, 'CELERY_BROKER_URL = "sqs://:secret@h"\nCELERY_REDIS_PASSWORD = "secret"\nBROKER_PASSWORD = "secret"\n'
    )
    assert len(report.findings) == 3
    assert "secret" not in text(report) + as_json(report)


def test_acknowledging_before_the_job_runs_is_not_supported_for_all(checked: Checked) -> None:
    found = only(checked({}, "CELERY_ACKS_LATE = False\n"))
    assert (found.category, found.reason) == (Category.DIFFERS, knowledge.AT_LEAST_ONCE.reason)


@pytest.mark.parametrize(
    ("file", "content", "line"),
    [
        ("shop/conf/base.py", 'if True:\n    BROKER_URL = "sqs://"\n', 2),
        ("shop/other.py", 'ROOT_URLCONF = "x"\nBROKER_URL = "sqs://"\n', 2),
        ("celeryconfig.py", 'broker_url = "sqs://"\n', 1),
        ("shop/celery.py", 'from celery import Celery\napp = Celery("shop", broker="sqs://")\n', 2),
        ("shop/celery.py", 'from celery import Celery\nc = Celery()\nc.conf.broker_url = "sqs://"\n', 3),
        ("shop/celery.py", 'from celery import Celery\nc = Celery()\nc.conf["broker_url"] = "sqs://"\n', 3),
        ("shop/celery.py", 'from celery import Celery\nc = Celery()\nc.conf.update(\n    broker_url="sqs://")\n', 4),
        ("shop/celery.py", 'from celery import current_app as c\nc.conf.update({"broker_url": "sqs://"})\n', 2),
        ("shop/settings_dev.py", 'class Dev:\n    CELERY_BROKER_URL = "sqs://"\n', 2),
    ],
)  # fmt: skip
def test_settings_are_found_where_they_are_written(checked: Checked, file: str, content: str, line: int) -> None:
    found = only(checked({file: content}))
    assert (found.category, found.file, found.line) == (Category.DIFFERS, file, line)


def test_settings_are_found_by_the_namespace_of_the_project(checked: Checked) -> None:
    app = 'from celery import Celery\nCelery().config_from_object("django.conf:settings", namespace="JOBS")\n'
    found = only(checked({"shop/celery.py": app}, 'JOBS_BROKER_URL = "sqs://"\nJOBS_OF_THE_COMPANY = 3\n'))
    assert (found.file, found.line) == ("shop/settings.py", 4)


def test_a_broker_of_something_else_is_not_one_of_ours(checked: Checked) -> None:
    assert checked({"shop/mqtt.py": 'BROKER_URL = "mqtt://localhost"\n'}).findings == ()


# -- INSTALLED_APPS --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", sorted(knowledge.APPS))
def test_an_app_that_has_a_replacement_is_named(checked: Checked, app: str) -> None:
    found = only(checked({}, f'INSTALLED_APPS += [\n    "{app}",\n]\n'))
    assert (found.line, found.reason) == (5, knowledge.APPS[app].reason)


def test_without_the_app_there_are_no_tables_unless_the_one_line_adds_it(checked: Checked) -> None:
    settings = 'INSTALLED_APPS = ["django.contrib.auth"]\n'
    assert checked({"shop/settings.py": settings}).findings == ()
    tasks = "from celeriac import shared_task\n"
    found = only(checked({"shop/__init__.py": "", "shop/tasks.py": tasks, "shop/settings.py": settings}))
    assert (found.category, found.line, found.fix) == (Category.CHANGE, 1, knowledge.INSTALLED_APP.fix)


def test_without_the_one_line_its_place_is_named(checked: Checked) -> None:
    found = only(checked({"shop/__init__.py": "", "shop/celery.py": "\nfrom celery import Celery\n"}))
    assert (found.category, found.file, found.line) == (Category.CHANGE, "shop/celery.py", 2)
    assert "At the top of shop/__init__.py" in found.fix


# -- imports ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("from celery import bootsteps", "no steps"),
        ("import celery.bootsteps", "no steps"),
        ("from celery.events import Event", "events are not sent"),
        ("from celery.events.snapshot import Polaroid", "events are not sent"),
        ("from celery.worker.control import inspect_command", "do not listen"),
        ("from celery.worker.request import Request", "Request class"),
        ("from celery.worker import WorkController", "machinery"),
        ("from celery.loaders.base import BaseLoader", "no loaders"),
        ("from celery.backends.redis import RedisBackend", "no classes of result backends"),
        ("from celery.contrib.abortable import AbortableTask", "AbortableTask"),
        ("from celery.exceptions import Nonsense", "does not supply"),
        ("from kombu import Connection", "kombu"),
        ("from kombu.serialization import register", "kombu"),
        ("from billiard import Pool", "billiard"),
        ("from celery.beat import Scheduler", NO_SCHEDULERS),
        ("import redbeat", NO_SCHEDULERS),
        ("from celery_once import QueueOnce", "machinery"),
        ("from django_celery_beat.schedulers import DatabaseScheduler", NO_SCHEDULERS),
        ("from django_celery_results.models import TaskResult", "not written"),
        ("from flower.app import Flower", "events are not sent"),
    ],
)
def test_an_import_that_cannot_be_served_is_named(checked: Checked, statement: str, reason: str) -> None:
    found = only(checked({"shop/x.py": f"import os\n\n{statement}\n"}))
    assert (found.category, found.file, found.line) == (Category.UNSUPPORTED, "shop/x.py", 3)
    assert reason in found.reason


def test_models_of_a_companion_that_are_less_here_are_named(checked: Checked) -> None:
    found = only(checked({"shop/x.py": "from django_celery_beat.models import PeriodicTask\n"}))
    assert (found.category, found.line) == (Category.DIFFERS, 1)
    assert "no foreign key" in found.reason


def test_a_signal_that_is_never_sent_is_named(checked: Checked) -> None:
    found = only(checked({"shop/x.py": "from celery.signals import (\n    task_failure,\n    beat_embedded_init,\n)\n"}))
    assert (found.category, found.line, found.what) == (Category.DIFFERS, 3, "from celery.signals import beat_embedded_init")


def test_a_signal_that_is_never_sent_is_named_by_its_module_too(checked: Checked) -> None:
    connected = "from celery import signals\n\n@signals.beat_embedded_init.connect\ndef go(**_): ...\n"
    found = only(checked({"shop/x.py": connected}))
    assert (found.category, found.line, found.what) == (Category.DIFFERS, 3, "signals.beat_embedded_init")


def test_the_signals_called_never_sent_are_those() -> None:
    files = [path for path in (ROOT / "src/celeriac").rglob("*.py") if path.parent.name != "migrating"]
    sources = "\n".join(path.read_text("utf-8") for path in files)
    names = {name for name, value in vars(signals).items() if isinstance(value, signals.Signal)}
    sent = {name for name in names if re.search(rf"\b{name}\b(\.send|\.receivers|\))", sources)}
    assert names - sent == knowledge.NEVER_SENT, "bring knowledge.NEVER_SENT up to date"


# -- tasks -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "category", "reason"),
    [
        ('serializer="pickle"', Category.UNSUPPORTED, PICKLES),
        ("pydantic=True", Category.UNSUPPORTED, "pydantic"),
        ('rate_limit="10/m"', Category.DIFFERS, "all of them together"),
        ('compression="gzip"', Category.IGNORED, "changes nothing"),
        ("reject_on_worker_lost=True", Category.IGNORED, "changes nothing"),
    ],
)
@pytest.mark.parametrize(
    "declared",
    [
        "from celery import shared_task\n\n\n@shared_task({option})\ndef one(): ...\n",
        "from celery.task import task\n\n\n@task({option})\ndef one(): ...\n",
        "from celery import Celery\n\napp = Celery()\n@app.task({option})\ndef one(): ...\n",
        "from celery import Task\n\nclass One(Task):\n    {option}\n",
    ],
)
def test_an_option_of_a_task_is_named(checked: Checked, declared: str, option: str, category: Category, reason: str) -> None:
    found = only(checked({"shop/tasks.py": declared.format(option=option)}))
    assert (found.category, found.line) == (category, 4)
    assert reason in found.reason


def test_a_celery_object_imported_from_the_project_declares_tasks(checked: Checked) -> None:
    app = "from celery import Celery\nqueue = Celery()\n"
    tasks = 'from ..jobs import queue as q\n\n@q.task(serializer="pickle")\ndef one(): ...\n'
    assert only(checked({"shop/jobs.py": app, "shop/mail/tasks.py": tasks})).file == "shop/mail/tasks.py"


def test_a_celery_object_that_a_function_makes_declares_tasks(checked: Checked) -> None:
    app = "from celery import Celery\n\ndef make():\n    a = Celery()\n    return a\n\nqueue = make()\n"
    tasks = 'from shop.jobs import queue\n\n@queue.task(serializer="pickle")\ndef one(): ...\n'
    assert only(checked({"shop/jobs.py": app, "shop/tasks.py": tasks})).file == "shop/tasks.py"


def test_an_object_of_another_library_with_the_same_name_is_not_looked_at(checked: Checked) -> None:
    files = {
        "shop/celery.py": "from celery import Celery\napp = Celery()\n",
        "shop/web.py": "import flower_shop\napp = flower_shop.App()\n",
        "shop/views.py": "from .web import app\n\napp.backend.get()\n@app.task(serializer='pickle')\ndef one(): ...\n",
        "shop/text.py": "from .celery import app\n\n@app.task(bind=False)\ndef one(text):\n    return text.replace('a', 'b')\n",
    }
    assert checked(files).findings == ()


def test_the_first_task_that_leaves_its_acknowledging_open_is_named_once(checked: Checked) -> None:
    tasks = """
        from celery import shared_task

        @shared_task(acks_late=True)
        def sure(): ...

        @shared_task
        def one(): ...

        @shared_task
        def two(): ...
    """
    found = only(checked({"shop/tasks.py": tasks, "shop/settings.py": 'INSTALLED_APPS = ["celeriac"]\n'}))
    assert (found.category, found.line, found.what) == (Category.DIFFERS, 8, "the task one and 1 more")
    assert "acks_late=False" in found.fix


def test_priorities_that_were_written_for_redis_mean_the_opposite(checked: Checked) -> None:
    tasks = "from celery import shared_task\n\n@shared_task(priority=9)\ndef one(): ...\none.apply_async(priority=0)\n"
    settings = 'CELERY_BROKER_URL = "redis://"\nCELERY_TASK_DEFAULT_PRIORITY = 5\n'
    turned = checked({"shop/tasks.py": tasks}, settings + 'CELERIAC = {"REVERSE_PRIORITY": True}\n')
    assert turned.findings == ()
    report = checked({"shop/tasks.py": tasks}, settings)
    assert [f.line for f in report.findings if f.file == "shop/settings.py"] == [5]
    assert [(f.line, f.fix) for f in report.findings if f.file == "shop/tasks.py"] == [
        (3, knowledge.PRIORITIES.fix),
        (5, knowledge.PRIORITIES.fix),
    ]


def test_periodic_tasks_have_nothing_to_change(checked: Checked) -> None:
    decorated = "from celery.task import periodic_task\n\n@periodic_task(run_every=30, acks_late=True)\ndef one(): ...\n"
    added = "from celery import Celery\napp = Celery()\napp.add_periodic_task(30.0, one.s())\n"
    settings = 'CELERY_BEAT_SCHEDULE = {"x": {"task": "y", "schedule": 30.0}}\n'
    assert checked({"shop/tasks.py": decorated, "shop/celery.py": added, "shop/more.py": settings}).findings == ()


# -- calls -----------------------------------------------------------------------------------------------------------------

TASKS = (
    "from celery import shared_task, Celery\nimport datetime as dt\napp = Celery()\n@shared_task(bind=True)\ndef one(self): "
)


@pytest.mark.parametrize(
    ("expression", "category", "reason"),
    [
        ('one.apply_async((1,), serializer="pickle")', Category.UNSUPPORTED, PICKLES),
        ("one.apply_async(chord=one.s())", Category.UNSUPPORTED, "Workflows"),
        ('one.apply_async(exchange="media")', Category.IGNORED, "changes nothing"),
        ("one.s(1) | one.s(2)", Category.UNSUPPORTED, "Workflows"),
        ("one.chunks(range(9), 3)", Category.UNSUPPORTED, "Workflows"),
        ("self.replace(one.s())", Category.UNSUPPORTED, "Workflows"),
        ("self.add_to_chord(one.s())", Category.UNSUPPORTED, "Workflows"),
        ('app.control.revoke("x", signal="SIGKILL")', Category.DIFFERS, "signal is not sent"),
        ("app.control.pool_grow(3)", Category.UNSUPPORTED, "do not listen"),
        ('app.steps["worker"].add(x)', Category.UNSUPPORTED, "no steps"),
        ("app.connection()", Category.UNSUPPORTED, "kombu"),
        ("app.backend.get(1)", Category.UNSUPPORTED, "no classes of result backends"),
        ('Celery(loader="x")', Category.IGNORED, "not used"),
    ],
)
def test_a_call_is_named(checked: Checked, expression: str, category: Category, reason: str) -> None:
    found = only(checked({"shop/tasks.py": f"{TASKS}\n    return {expression}\n"}))
    assert (found.category, found.line) == (category, 6)
    assert reason in found.reason


@pytest.mark.parametrize("name", sorted(WORKFLOWS & {"chain", "chord", "group", "chunks"}))
def test_workflows_are_named_where_they_are_imported_and_where_they_are_used(checked: Checked, name: str) -> None:
    report = checked(
        {"shop/x.py": f"from celery import {name} as c\n\nc([])\n", "shop/y.py": f"import celery\ncelery.{name}([])\n"}
    )
    assert [(f.file, f.line) for f in report.findings] == [("shop/x.py", 1), ("shop/x.py", 3), ("shop/y.py", 2)]
    assert {f.reason for f in report.findings} == {knowledge.WORKFLOWS.reason}


@pytest.mark.parametrize(
    ("eta", "differs"),
    [
        ("dt.datetime.utcnow() + dt.timedelta(hours=1)", True),
        ("dt.datetime.now()", True),
        ("dt.datetime.now(dt.timezone.utc)", False),
        ("timezone.now() + dt.timedelta(days=1)", False),
    ],
)
def test_a_time_without_a_zone_is_named_where_it_means_another_time(checked: Checked, eta: str, differs: bool) -> None:
    tasks = {"shop/tasks.py": f"{TASKS}\n    one.apply_async(eta={eta})\n"}
    report = checked(tasks, 'TIME_ZONE = "Europe/Berlin"\n')
    assert [(f.line, f.reason) for f in report.findings] == ([(6, knowledge.NAIVE_ETA.reason)] if differs else [])
    assert checked(tasks, 'TIME_ZONE = "UTC"\n').findings == ()


# -- commands --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("worker: celery -A shop worker -l info", "celeriac -A shop worker -l info"),
        ("ExecStart=/venv/bin/celery --app=shop worker --loglevel=INFO -c4", "celeriac -A shop worker --loglevel INFO -c 4"),
        ("command=celery worker -A shop --statedb=/x --autoscale 10,3 -Q a,b", "celeriac -A shop worker -Q a,b"),
        ('command: ["celery", "-A", "shop", "worker", "-n", "w1@%h"]', "celeriac -A shop worker -n w1@%h"),
        ("exec python -m celery -A shop worker -E -O fair && true", "celeriac -A shop worker"),
        ("command=celeryd -c 2", "celeriac worker -c 2"),
        ("python manage.py celeryd --maxtasksperchild=100", "python manage.py celeriac worker --max-tasks-per-child 100"),
        ("celery -A worker worker -n worker", "celeriac -A worker worker -n worker"),
        ("ExecStart=/bin/sh -c '${CELERY_BIN} -A $CELERY_APP multi start $CELERYD_NODES'", "celeriac -A $CELERY_APP worker"),
        ("celery multi start w1 -A shop -c 3", "celeriac -A shop worker -c 3"),
    ],
)
def test_a_worker_is_started_by_another_command(checked: Checked, line: str, instead: str) -> None:
    found = only(checked({"deploy/start.conf": f"\n{line}\n"}))
    assert (found.category, found.file, found.line) == (Category.CHANGE, "deploy/start.conf", 2)
    assert found.fix.startswith(f"Write instead: {instead}.")


@pytest.mark.parametrize(
    "name", ["Procfile", "supervisord.conf", "celery.service", "docker-compose.yml", "run.sh", "Dockerfile", "Makefile"]
)
def test_files_that_start_processes_are_read(checked: Checked, name: str) -> None:
    assert only(checked({f"deploy/{name}": "x\ncelery -A shop worker\n"})).line == 2


def test_a_script_without_an_ending_in_its_name_is_read(checked: Checked) -> None:
    script = "#!/bin/bash\nexec celery -A shop worker\n"
    assert [(f.file, f.line) for f in checked({"compose/start": script, "notes": script[12:]}).findings] == [
        ("compose/start", 2)
    ]


def test_a_command_in_several_lines_is_one(checked: Checked) -> None:
    unit = "[Service]\nExecStart=celery -A shop worker \\\n  -c 4\n"
    compose = "  command:\n    - celery\n    - -A\n    - shop\n    - worker\n    - -c\n    - '4'\n  depends_on:\n    - db\n"
    report = checked({"a.service": unit, "b.yml": compose})
    assert [(f.line, f.fix.partition(".")[0]) for f in report.findings] == [
        (2, "Write instead: celeriac -A shop worker -c 4")
    ] * 2


@pytest.mark.parametrize(
    ("line", "category", "reason"),
    [
        ("celery -A shop flower --port=5555", Category.UNSUPPORTED, "Flower"),
        ("flower --broker=redis://", Category.UNSUPPORTED, "Flower"),
        ("celery -A shop events", Category.UNSUPPORTED, "no such command"),
        ("celery -A shop inspect active", Category.CHANGE, "The command celery is Celery's"),
    ],
)
def test_what_cannot_be_started_here_is_named(checked: Checked, line: str, category: Category, reason: str) -> None:
    found = only(checked({"Procfile": f"{line}\n"}))
    assert (found.category, found.line) == (category, 1)
    assert reason in found.reason


def test_a_pool_of_green_threads_is_named(checked: Checked) -> None:
    report = checked({"Procfile": "w: celery -A shop worker -P gevent -c 100\n"})
    assert [f.what for f in report.of(Category.DIFFERS)] == ["celery worker --pool"]


def test_a_worker_with_beat_inside_is_a_worker(checked: Checked) -> None:
    found = only(checked({"Procfile": "w: celery -A shop worker -B\n"}))
    assert found.fix.startswith("Write instead: celeriac -A shop worker. ")


def test_beat_is_not_needed_and_has_a_command_all_the_same(checked: Checked) -> None:
    found = only(checked({"Procfile": "beat: celery -A shop beat -l info -S django\n"}))
    assert (found.category, found.fix) == (
        Category.CHANGE, "Remove the line, or write instead: celeriac -A shop beat -l info.",
    )  # fmt: skip
    assert "every worker fires periodic tasks" in found.reason


@pytest.mark.parametrize(
    "line",
    [
        "# celery -A shop worker", "echo celery worker", "container_name: celery", "  - celery", "pip install celery",
        "Description=celery worker", "image: shop/celery", "pkill -f 'celery worker'", "name: celery worker", "flower: 1",
        "systemctl restart celery",
        "user=celeryd", "run /etc/init.d/celeryd restart", "python manage.py celery worker -l info",
        "[program:celery]", "depends_on: [celery, redis]",
    ],
)  # fmt: skip
def test_a_line_that_only_speaks_of_celery_is_passed_over(checked: Checked, line: str) -> None:
    assert checked({"deploy/x.conf": f"{line}\n"}).findings == ()


def test_a_command_is_taken_apart() -> None:
    command = parse("web: celery -A shop worker -l info")
    assert command is not None
    assert (command.subcommand, replacement(command)) == ("worker", "celeriac -A shop worker -l info")


# -- what is known, held against what there is -----------------------------------------------------------------------------


_PARTLY = {"celery", "kombu", "djcelery", "django_celery_beat", "django_celery_results"}


def test_what_is_called_missing_is_missing() -> None:
    assert [name for name in knowledge.IMPORTS if name not in _PARTLY and supplied(name)] == []
    assert [name for name in knowledge.APP_ATTRIBUTES if hasattr(Celery, name)] == []


# -- the command -----------------------------------------------------------------------------------------------------------


def test_a_file_that_this_python_cannot_read_is_named(checked: Checked) -> None:
    found = only(checked({"shop/old.py": "import celery\nprint 'hello'\n"}))
    assert (found.category, found.line) == (Category.UNREAD, 2)


def test_other_peoples_code_in_the_folder_is_not_read(checked: Checked) -> None:
    bad = 'CELERY_BROKER_URL = "sqs://"\nimport celery.bootsteps\n'
    assert (
        checked(
            {"env/pyvenv.cfg": "", "env/settings.py": bad, "node_modules/settings.py": bad, ".tox/settings.py": bad}
        ).findings
        == ()
    )


def test_nothing_of_the_project_runs(checked: Checked, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    checked({"shop/celery.py": f"import celery\nopen({str(ran)!r}, 'w')\nraise SystemExit\n"})
    assert not ran.exists()


def test_the_exit_status_says_whether_something_is_not_supported(
    checked: Checked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked({}, "CELERY_ENABLE_UTC = False\n")
    assert main(["migrate", "check", str(tmp_path)]) == 0
    assert "Behaves differently (1)" in capsys.readouterr().out
    checked({}, 'CELERY_TASK_SERIALIZER = "pickle"\n')
    assert main(["migrate", "check", str(tmp_path)]) == 1
    assert "shop/settings.py:4  CELERY_TASK_SERIALIZER = 'pickle'" in capsys.readouterr().out


def test_json_holds_what_the_text_says(checked: Checked, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checked({}, 'CELERY_TASK_SERIALIZER = "pickle"\n')
    assert main(["migrate", "check", str(tmp_path), "--json"]) == 1
    written = json.loads(capsys.readouterr().out)
    assert (written["files"], written["unsupported"]) == (2, 1)
    assert written["findings"] == [
        {
            "category": "unsupported", "file": "shop/settings.py", "line": 4, "what": "CELERY_TASK_SERIALIZER = 'pickle'",
            "reason": knowledge.PICKLE.reason, "fix": knowledge.PICKLE.fix,
        }
    ]  # fmt: skip


def test_a_folder_that_is_not_there_is_answered_with_what_to_give(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "check", "/nowhere/at/all"]) == 2
    assert "There is no /nowhere/at/all" in capsys.readouterr().err


def test_a_name_in_the_project_cannot_move_the_cursor(checked: Checked) -> None:
    shown = text(checked({"shop/\x1b[2J.py": "import celery.bootsteps\n"}))
    assert "\x1b" not in shown
    assert r"shop/\x1b[2J.py:1" in shown


@pytest.mark.process
def test_it_runs_as_a_module_without_django_settings_and_without_rich(checked: Checked, tmp_path: Path) -> None:
    checked({}, 'CELERY_TASK_SERIALIZER = "pickle"\n')
    program = "import sys; sys.modules['rich'] = None; from celeriac.cli import main; sys.exit(main(['migrate', 'check']))"
    for command in (["-m", "celeriac", "migrate", "check"], ["-c", program]):
        ended = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
            env={"PYTHONPATH": str(ROOT / "src"), "PATH": "", "PYTHONIOENCODING": "ascii"},
        )  # fmt: skip
        assert ended.returncode == 1, ended.stderr
        assert "shop/settings.py:4  CELERY_TASK_SERIALIZER" in ended.stdout
