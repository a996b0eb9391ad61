"""Projects as ten years of tutorials teach them, each a folder beside this file, run with one edit: install_as_celery()."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from celeriac.cli.as_celery import run_install_as_celery
from celeriac.testing.servers import free_port
from celeriac.testing.valkey import ValkeyServer, require_valkey
from tests.rabbitmq.conftest import rabbitmq

pytestmark = pytest.mark.process

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
__all__ = ["rabbitmq"]

PATIENCE = 60.0
"""Seconds after which something that must happen counts as never happening. Only a failing test waits that long."""
SHAPES = sorted(folder.name for folder in HERE.iterdir() if (folder / "manage.py").exists())


class Project:
    """A copy of one of the projects, and the processes that run in it. ``celery`` is on its PATH.

    Where its settings name a Redis or RabbitMQ server, the copy names the test's own: so the address is written in tutorials,
    and not here.
    """

    def __init__(self, shape: str, folder: Path, redis: str, amqp: str) -> None:
        self.folder = folder / shape
        shutil.copytree(HERE / shape, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        for file in self.folder.rglob("*.py"):
            text = re.sub(r"redis://(localhost|127\.0\.0\.1):6379", redis, file.read_text())
            file.write_text(re.sub("amqp://guest:guest@localhost:5672//", amqp, text))
        commands = folder / "bin"
        commands.mkdir()
        # Nothing of this suite's own settings may reach it.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "CELER"))}
        self.environment = {**kept, "PYTHONPATH": str(SOURCE), "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
        self.workers: list[Worker] = []
        assert run_install_as_celery(Namespace(into=commands)) == 0

    def run(self, *command: str, status: int = 0) -> str:
        """Run a command; return what it printed on either stream."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout
        return done.stdout

    def manage(self, *arguments: str, status: int = 0) -> str:
        return self.run(sys.executable, "manage.py", *arguments, status=status)

    def shell(self, code: str) -> Any:
        """Return what ``manage.py shell`` prints last, read as Python."""
        return eval(self.manage("shell", "-c", code).splitlines()[-1])  # noqa: S307 - printed by the test's own program

    def start(self, command: str) -> Worker:
        """Start a worker by the line that a tutorial has, and wait until it says that it serves."""
        words = [sys.executable if word == "python" else word for word in command.split()]
        self.workers.append(Worker(self, words))
        worker = self.workers[-1]
        until(lambda: "  pool    " in worker.printed(), worker)
        return worker


class Worker:
    """A worker and what it prints, which goes to a file: a process that outlives it must not keep a pipe open."""

    def __init__(self, project: Project, words: list[str]) -> None:
        self._output = project.folder.parent / f"output-{len(project.workers)}"
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                words, cwd=project.folder, env=project.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def printed(self) -> str:
        return self._output.read_text()

    def family(self) -> list[psutil.Process]:
        try:
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def stop(self) -> str:
        """Press Ctrl-C, once; return what ``ended`` does."""
        self.send(signal.SIGINT)
        return self.ended()

    def send(self, number: int) -> None:
        """Send a signal that is to end the worker."""
        self._leaving = self.family()
        self.process.send_signal(number)

    def ended(self) -> str:
        """Wait until every process has ended by itself, the first with status 0. Returns all that was printed."""
        assert self.process.wait(PATIENCE) == 0, self.printed()
        _, alive = psutil.wait_procs(self._leaving, timeout=PATIENCE)
        assert alive == []
        return self.printed()

    def destroy(self) -> None:
        """End whatever a failed test has left."""
        family = self.family()
        for process in family:
            process.kill()
        self.process.wait()
        psutil.wait_procs(family, timeout=PATIENCE)


def until(condition: Callable[[], object], worker: Worker) -> None:
    """Look until something is so, or the worker has ended."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert worker.process.poll() is None, worker.printed()
        assert time.monotonic() < deadline, worker.printed()
        time.sleep(0.02)


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """The address of a server of one's own."""
    require_valkey()
    port = free_port()
    with ValkeyServer({"port": str(port), "bind": "127.0.0.1"}):
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture
def copy(request: pytest.FixtureRequest, tmp_path: Path, redis: str) -> Iterator[Project]:
    """The project that the test names, its database never migrated."""
    uses_rabbitmq = request.param == "database_results"
    amqp = request.getfixturevalue("rabbitmq").url(prefix=f"{uuid4().hex}.") if uses_rabbitmq else ""
    found = Project(request.param, tmp_path, redis, amqp)
    yield found
    for worker in found.workers:
        worker.destroy()


@pytest.fixture
def project(copy: Project) -> Project:
    """The project that the test names, migrated."""
    copy.manage("migrate", "--verbosity", "0", "--skip-checks")
    return copy


def of(shape: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("copy", [shape], indirect=True, ids=[""])


@pytest.mark.parametrize("shape", SHAPES)
def test_one_file_of_a_project_knows_celeriac_and_only_by_the_one_edit(shape: str) -> None:
    knowing = {
        file.relative_to(HERE / shape): text
        for file in (HERE / shape).rglob("*.py")
        if "celeriac" in (text := file.read_text())
    }
    [(name, text)] = knowing.items()
    assert name.name == "__init__.py"
    assert text.count("celeriac") == 2
    assert "import celeriac\n\nceleriac.install_as_celery()\n" in text


@of("settings_package")
def test_a_settings_package_and_the_solo_pool(project: Project) -> None:
    worker = project.start("celery -A proj worker --pool=solo -l info")
    assert project.shell("from shop.tasks import add; print(add.delay(4, 38).get(timeout=50))") == 42
    printed = worker.stop()
    assert "  pool    solo, " in printed
    assert "Adding 4 + 38" in printed
    assert "shop.tasks.add" in printed
    assert "proj.celery.debug_task" in printed
    assert len(re.findall(r"  broker  redis://127\.0\.0\.1:\d+/0\n", printed)) == 1


@of("foldername")
def test_no_namespace_old_decorators_and_a_project_named_by_its_folder(project: Project) -> None:
    worker = project.start("celery worker -A foldername --loglevel=info")
    code = "from mail.tasks import send_email; print(repr(send_email.delay('a@example.org').get(timeout=50)))"
    assert project.shell(code) == "sent to a@example.org"
    printed = worker.stop()
    assert "  pool    prefork, 2 " in printed, "CELERY_CONCURRENCY, which Celery passes over, is obeyed"
    for name in ("CELERYD_FORCE_EXECV", "CELERY_DISABLE_RATE_LIMITS", "CELERY_ENABLE_UTC", "BROKER_TRANSPORT"):
        assert len(re.findall(rf"\b{name}\b", printed)) == 1, f"{name} is explained in one line"
    assert "is not a setting" not in printed


@of("eventlet")
def test_eventlet_is_served_by_the_nearest_pool(project: Project) -> None:
    worker = project.start("celery -A mysite worker -l info -P eventlet")
    code = (
        "import json, time; from django.test import Client; client = Client()\n"
        "id = client.get('/start/').json()['task_id']\n"
        "from celery.result import AsyncResult; AsyncResult(id).get(timeout=50)\n"
        "print(client.get(f'/result/{id}/').json())"
    )
    assert project.shell(code) == {"status": "SUCCESS", "result": [0, 1, 2]}
    printed = worker.stop()
    assert printed.count("--pool eventlet: Celeriac runs such tasks in its asyncio pool.") == 1
    assert "  pool    asyncio, 4 " in printed


@of("djcelery")
def test_djcelery_with_dotted_settings_and_manage_py_celery(project: Project) -> None:
    worker = project.start("python manage.py celery worker --loglevel=info")
    code = "from orders.tasks import total; print(total.delay([20, 22]).get(timeout=50))"
    assert project.shell(code) == 42
    assert project.shell("from celery import current_app; print(sorted(current_app.conf.beat_schedule))") == [
        "close-every-30-seconds", "orders.tasks.clean_up", "report-every-morning",
    ]  # fmt: skip
    assert "  pool    prefork, 2 " in worker.stop()


@pytest.mark.parametrize(
    ("copy", "apps"),
    [
        ("djcelery", {"djcelery", "kombu.transport.django"}),
        ("database_results", {"django_celery_results", "django_celery_beat"}),
    ],
    indirect=["copy"],
    ids=["djcelery", "companions"],
)
def test_a_system_check_names_what_replaces_celerys_apps(copy: Project, apps: set[str]) -> None:
    printed = copy.manage("check")
    assert set(re.findall(r"\(celeriac\.W010\) '(\S+)' in INSTALLED_APPS", printed)) == apps
    assert "(celeriac.I001)" in printed, "and what of the settings has no effect"


@of("database_results")
def test_results_on_the_database_and_a_supervised_stop(project: Project) -> None:
    [line] = re.findall("^command=(.*)$", (project.folder / "supervisord.conf").read_text(), flags=re.MULTILINE)
    worker = project.start(line.replace("%%", "%"))
    export = project.folder / "export.csv"
    start = f"from reports.tasks import build; result = build.delay('long', {str(export)!r})\n"
    wait = "import time\nwhile result.state != 'PROGRESS': time.sleep(0.02)\nprint((result.id, result.info))"
    id, meta = project.shell(start + wait)
    assert meta == {"kind": "long"}
    worker.send(signal.SIGTERM)
    until(lambda: "Stopping: running jobs finish" in worker.printed(), worker)
    export.touch()
    assert "worker1@" in worker.ended()
    ended = project.shell(f"from celery.result import AsyncResult; r = AsyncResult({id!r}); print((r.state, r.result))")
    assert ended == ("SUCCESS", {"kind": "long", "rows": 3})


@of("database_results")
def test_a_program_that_makes_periodic_tasks_by_the_companions_models(project: Project) -> None:
    code = (
        "from django_celery_beat.models import IntervalSchedule, PeriodicTask\n"
        "every = IntervalSchedule.objects.get_or_create(every=10, period=IntervalSchedule.SECONDS)[0]\n"
        "PeriodicTask.objects.create(interval=every, name='Build', task='reports.tasks.build', args='[\"long\"]')\n"
        "from celeriac.models import PeriodicTask\n"
        "print(list(PeriodicTask.objects.values_list('name', 'kind', 'fields', 'args')))"
    )
    assert project.shell(code) == [("Build", "interval", {"every": 10}, ["long"])]


@of("database_results")
def test_what_a_companion_has_besides_is_answered_with_what_there_is_instead(copy: Project) -> None:
    printed = copy.manage("shell", "-c", "import django_celery_beat.schedulers", status=1)
    assert "has no django_celery_beat.schedulers. Celeriac keeps periodic tasks in a table of its own" in printed
