"""The command line as people start it, on a small project: every way in, every pool, and what it says when it cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from pytest_django import DjangoDbBlocker

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.codec import decode_result, encode_payload
from celeriac.engine.job import Job, State
from celeriac.testing.conformance.scenario import a_child, an_outcome, claim_one
from tests.conformance.conftest import database

pytestmark = pytest.mark.process

PATIENCE = 60.0
"""Seconds after which something that must happen counts as never happening. Only a failing test waits that long."""
SOURCE = Path(__file__).parents[2] / "src"
ALIAS = "cli"
OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}

FILES = {
    "manage.py": """
import os, sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
""",
    "proj/__init__.py": "",
    "proj/urls.py": """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda request: HttpResponse("open"))]
""",
    "proj/settings.py": """
import os

SECRET_KEY = "only for the tests"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "proj.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["celeriac", "shop"]
MIDDLEWARE = []
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": {path!r}, "OPTIONS": {options!r}}}}}
""",
    "shop/__init__.py": "",
    "shop/tasks.py": """
import os, threading

from celeriac import shared_task


@shared_task
def add(a, b):
    return [a + b, os.getpid(), threading.current_thread() is threading.main_thread()]


@shared_task
async def add_async(a, b):
    return [a + b, os.getpid(), threading.current_thread() is threading.main_thread()]
""",
}


class Project:
    """A small Django project in a folder, the processes that were started in it, and its queue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = str(folder / "site.sqlite3")
        for name, text in FILES.items():
            file = folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text.format(path=self.path, options=OPTIONS) if name == "proj/settings.py" else text)
        # Nothing of this suite's own settings may reach it.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "CELER"))}
        self.environment = {**kept, "PYTHONPATH": str(SOURCE)}
        self.started: list[Started] = []

    def configure(self, *lines: str) -> None:
        """Add lines to the settings."""
        with (self.folder / "proj" / "settings.py").open("a") as settings:
            settings.writelines(f"{line}\n" for line in lines)

    def start(self, *command: str, within: str = ".") -> Started:
        self.started.append(Started(self, command, self.folder / within))
        return self.started[-1]

    def result(self, task: str, *args: int) -> list[int]:
        """Enqueue one job and return its result, once a worker has run it."""
        broker = SQLBroker(ALIAS)
        job = Job(id=os.urandom(8).hex(), task=task, queue="celery", payload=encode_payload(task, args, {}))
        broker.push([job])
        return self.outcome(job.id)

    def outcome(self, id: str) -> list[int]:
        ended = SQLBroker(ALIAS).wait(id, PATIENCE)
        assert ended is not None, [started.printed() for started in self.started]
        assert ended.state is State.SUCCEEDED, ended
        result: list[int] = decode_result(ended.result or b"")
        return result


class Started:
    """One command and what it prints, which goes to a file: a process that outlives it must not keep a pipe open."""

    def __init__(self, project: Project, command: Sequence[str], folder: Path) -> None:
        self.output = project.folder / f"output-{len(project.started)}"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=folder, env=project.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def printed(self) -> str:
        return self.output.read_text()

    def family(self) -> list[psutil.Process]:
        """Return the process and all that descend from it."""
        try:
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def wait(self) -> int:
        """Return the exit status, once it has ended by itself."""
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        """Press Ctrl-C, once. Every process of it must be gone afterwards. Returns the exit status."""
        family = self.family()
        self.process.send_signal(signal.SIGINT)
        status = self.wait()
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert alive == []
        return status

    def destroy(self) -> None:
        """End whatever a failed test has left."""
        family = self.family()
        for process in family:
            process.kill()
        self.process.wait()
        psutil.wait_procs(family, timeout=PATIENCE)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project whose database was never migrated."""
    project = Project(tmp_path)
    yield project
    for started in project.started:
        started.destroy()


@pytest.fixture
def site(project: Project, django_db_blocker: DjangoDbBlocker) -> Iterator[Project]:
    """A project that was migrated."""
    engine = "django.db.backends.sqlite3"
    with django_db_blocker.unblock(), database(ALIAS, ENGINE=engine, NAME=project.path, OPTIONS=OPTIONS):
        yield project


def until(condition: Callable[[], object], started: Started) -> None:
    """Look until something is so, or the process has ended."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert started.process.poll() is None, started.printed()
        assert time.monotonic() < deadline, started.printed()
        time.sleep(0.02)


# -- every way in --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("manage.py", "celeriac", "worker", "-c", "1"),
        ("-m", "celeriac", "-A", "proj", "worker", "-c", "1"),
        ("-m", "celeriac", "worker", "-A", "proj.queue:queue", "-c", "1", "-l", "info"),
    ],
    ids=["manage.py", "celeriac -A", "worker -A with a Celery object"],
)
def test_a_worker_runs_jobs_and_one_ctrl_c_ends_all_of_it(site: Project, command: tuple[str, ...]) -> None:
    (site.folder / "proj" / "queue.py").write_text(
        "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'proj.settings'\nfrom celeriac import Celery\n"
        "queue = Celery('proj')\nqueue.config_from_object('django.conf:settings', namespace='CELERY')\n"
        "queue.autodiscover_tasks()\n"
    )
    worker = site.start(*command)
    total, pid, main = site.result("shop.tasks.add", 40, 2)
    assert (total, main) == (42, True)
    assert pid != worker.process.pid, "the body ran in a child"
    assert worker.stop() == 0
    printed = worker.printed()
    assert "shop.tasks.add" in printed
    assert "Ctrl-C finishes what runs" in printed


@pytest.mark.parametrize(
    ("pool", "task", "in_main_thread"),
    [
        ("threads", "shop.tasks.add", False),
        ("asyncio", "shop.tasks.add_async", False),
        ("asyncio", "shop.tasks.add", False),
        ("solo", "shop.tasks.add", True),
    ],
)
def test_every_pool_runs_jobs(site: Project, pool: str, task: str, in_main_thread: bool) -> None:
    worker = site.start("manage.py", "celeriac", "worker", "-P", pool, "-c", "2")
    total, pid, main = site.result(task, 40, 2)
    assert (total, bool(main)) == (42, in_main_thread)
    assert (pid == worker.process.pid) == (pool == "solo")
    assert worker.stop() == 0
    assert f"  pool    {pool}, " in worker.printed()


def test_a_pool_of_celery_that_is_not_here_is_served_and_said_in_one_line(site: Project) -> None:
    worker = site.start("manage.py", "celeriac", "worker", "-P", "eventlet", "-c", "2")
    assert site.result("shop.tasks.add_async", 40, 2)[0] == 42
    assert worker.stop() == 0
    assert worker.printed().count("--pool eventlet: Celeriac runs such tasks in its asyncio pool.") == 1


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def opens(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as page:
            return bool(page.read() == b"open")
    except (urllib.error.URLError, ConnectionError):
        return False


@pytest.mark.parametrize(
    "command", [("manage.py", "celeriac"), ("-m", "celeriac", "-A", "proj")], ids=["manage.py", "celeriac"]
)
def test_up_runs_site_and_worker_and_one_ctrl_c_stops_both(site: Project, command: tuple[str, ...]) -> None:
    port = free_port()
    both = site.start(*command, "up", "--bind", f"127.0.0.1:{port}", "-c", "1")
    until(lambda: opens(port), both)
    assert site.result("shop.tasks.add", 40, 2)[0] == 42
    assert both.stop() == 0, both.printed()
    assert not opens(port)


def test_up_ends_with_the_status_of_the_one_that_failed(site: Project) -> None:
    site.configure("CELERIAC = {'LAESE': 15}")
    both = site.start("manage.py", "celeriac", "up", "--bind", f"127.0.0.1:{free_port()}")
    assert both.wait() != 0
    assert both.family() == []


# -- when it cannot ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_a_mistake_in_the_settings_ends_the_worker_with_status_1_and_its_sentence(site: Project, pool: str) -> None:
    site.configure("CELERIAC = {'LAESE': 15}")
    worker = site.start("-m", "celeriac", "-A", "proj", "worker", "-P", pool)
    assert worker.wait() == 1, worker.printed()
    assert "CELERIAC has no setting 'LAESE'. Did you mean 'LEASE'?" in worker.printed()
    assert "Traceback" not in worker.printed()


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_missing_tables_end_the_worker_with_the_command_that_makes_them(project: Project, pool: str) -> None:
    worker = project.start("manage.py", "celeriac", "worker", "-P", pool)
    assert worker.wait() == 1, worker.printed()
    assert "Celeriac's tables are missing in the database 'default'. Create them: python manage.py migrate" in worker.printed()
    assert "Traceback" not in worker.printed()


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_a_project_that_is_not_there_is_answered_with_the_folder_it_is_in(project: Project, pool: str) -> None:
    (project.folder / "elsewhere").mkdir()
    worker = project.start("-m", "celeriac", "-A", "proj", "worker", "-P", pool, within="elsewhere")
    assert worker.wait() == 1, worker.printed()
    assert f"Go to its folder first: cd {project.folder}" in worker.printed()
    assert "Traceback" not in worker.printed()


def test_an_unknown_setting_is_a_warning_with_the_nearest_name_and_the_worker_runs(site: Project) -> None:
    site.configure("CELERY_TASK_TIME_LIMITS = 10")
    worker = site.start("manage.py", "celeriac", "worker", "-P", "solo")
    assert site.result("shop.tasks.add", 40, 2)[0] == 42
    assert worker.stop() == 0
    assert worker.printed().count("CELERY_TASK_TIME_LIMITS is not a setting") == 1
    assert "Did you mean 'CELERY_TASK_TIME_LIMIT'?" in worker.printed()


def park(task: str, reason: str) -> str:
    """Leave a parked job as a worker does; return its id."""
    from celeriac.engine.outcome import Failure

    broker = SQLBroker(ALIAS, private=True)
    broker.push([Job(id=f"{task} {reason}", task=task, queue="celery", payload=encode_payload(task, (40, 2), {}))])
    job = claim_one(broker, a_child(broker), "celery")
    failure = Failure(type=reason, module="celeriac.exceptions", message="parked")
    broker.settle([an_outcome(job, State.PARKED, failure=failure, counts=False)])
    broker.close()
    return job.id


def test_jobs_whose_task_was_unknown_run_when_a_worker_that_knows_it_starts(site: Project) -> None:
    unknown, nowhere = park("shop.tasks.add", "NotRegistered"), park("shop.tasks.subtract", "NotRegistered")
    poison = park("shop.tasks.add_async", "WorkerLostError")
    worker = site.start("manage.py", "celeriac", "worker", "-P", "solo")
    site.result("shop.tasks.add", 1, 1)  # which waits behind it: the older goes first
    assert site.outcome(unknown)[0] == 42
    assert worker.stop() == 0
    assert "1 parked jobs wait again: their tasks are known now." in worker.printed()
    broker = SQLBroker(ALIAS)
    assert {job.id for job in broker.find({"state": State.PARKED}, 10)} == {nowhere, poison}
