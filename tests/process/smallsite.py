"""A small Django project in a folder, the commands that are started in it as people start them, and its queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.codec import decode_result, encode_payload
from celeriac.engine.job import Job, State

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
        not_its_own = ("DJANGO_", "CELER", "PYTHON", "LANG", "LC_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(not_its_own)}
        self.environment = {**kept, "PYTHONPATH": str(SOURCE), "LANG": "C.UTF-8"}
        self.started: list[Started] = []

    def configure(self, *lines: str) -> None:
        """Add lines to the settings."""
        with (self.folder / "proj" / "settings.py").open("a") as settings:
            settings.writelines(f"{line}\n" for line in lines)

    def add_tasks(self, text: str) -> None:
        """Add code to the tasks' module."""
        with (self.folder / "shop" / "tasks.py").open("a", encoding="utf-8") as tasks:
            tasks.write(text)

    def start(self, *command: str, within: str = ".", piped: bool = False, **environment: str) -> Started:
        self.started.append(Started(self, command, self.folder / within, piped, environment))
        return self.started[-1]

    def worker(self, *options: str, piped: bool = False, **environment: str) -> Started:
        """Start a worker of one child, and wait until it is ready."""
        worker = self.start("manage.py", "celeriac", "worker", "-c", "1", *options, piped=piped, **environment)
        until(lambda: "Ctrl-C" in worker.printed(), worker)
        return worker

    def close(self) -> None:
        """End whatever a failed test has left."""
        for started in self.started:
            started.destroy()

    def push(self, task: str, *args: Any) -> str:
        """Enqueue one job; return its id."""
        job = Job(id=os.urandom(8).hex(), task=task, queue="celery", payload=encode_payload(task, args, {}))
        with closing(SQLBroker(ALIAS)) as broker:
            broker.push([job])
        return job.id

    def result(self, task: str, *args: Any) -> Any:
        """Enqueue one job and return its result, once a worker has run it."""
        return self.outcome(self.push(task, *args))

    def ended(self, id: str) -> Job:
        """Return the record of a job that is over."""
        ended = SQLBroker(ALIAS).wait(id, PATIENCE)
        assert ended is not None, [started.printed() for started in self.started]
        return ended

    def outcome(self, id: str) -> Any:
        ended = self.ended(id)
        assert ended.state is State.SUCCEEDED, ended
        return decode_result(ended.result or b"")

    def log(self, id: str) -> str:
        """Return what is kept of what the job's only attempt logged."""
        [attempt] = SQLBroker(ALIAS).attempts(id)
        return attempt.log or ""


class Started:
    """One command and what it prints, which goes to a file: a process that outlives it must not keep a pipe open.

    ``piped`` puts a pipe, and ``cat``, between the two.
    """

    def __init__(
        self, project: Project, command: Sequence[str], folder: Path, piped: bool, environment: dict[str, str]
    ) -> None:
        self.output = project.folder / f"output-{len(project.started)}"
        with self.output.open("w") as file:
            cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file) if piped else None
            output = cat.stdin if cat is not None else file
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=folder, env={**project.environment, **environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        self.cat = cat
        if cat is not None and cat.stdin is not None:
            cat.stdin.close()

    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

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
            with suppress(psutil.NoSuchProcess):  # it was faster
                process.kill()
        self.process.wait()
        psutil.wait_procs(family, timeout=PATIENCE)
        if self.cat is not None:
            self.cat.wait(PATIENCE)


def until(condition: Callable[[], object], started: Started) -> None:
    """Look until something is so, or the process has ended."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert started.process.poll() is None, started.printed()
        assert time.monotonic() < deadline, started.printed()
        time.sleep(0.02)
