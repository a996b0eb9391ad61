"""Celeriac where nothing can fork and there are no Unix sockets: real workers in interpreters that lack what Windows lacks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from celeriac.demo.ports import free_port

HERE = Path(__file__).parent
BREAK = signal.SIGUSR2  # what sitecustomize.py gives the name of Windows' Ctrl-Break
DEADLINE = 30.0

pytestmark = pytest.mark.process

SETTINGS = """
INSTALLED_APPS = ["celeriac", "shop"]
SECRET_KEY = "x" * 50
ROOT_URLCONF = "shop.urls"
DEBUG = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "jobs.sqlite3", "OPTIONS": {
    "transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"}}}
"""
TASKS = """
import threading, time
from celeriac import shared_task
from celeriac.exceptions import SoftTimeLimitExceeded

@shared_task
def thread():
    return threading.current_thread().name

@shared_task
async def coroutine():
    return 42

@shared_task(soft_time_limit=0.2)
def endless():
    try:
        while True:
            time.sleep(0.01)
    except SoftTimeLimitExceeded:
        return "told to end"
"""
MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
execute_from_command_line(sys.argv)
"""


class Windows:
    """A project in a folder, run by interpreters that lack what Windows lacks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "CELER", "PYTHON"))}
        self.temporary = folder / "tmp"
        self.environment = kept | {
            "PYTHONPATH": str(HERE),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.temporary),
            "DJANGO_SETTINGS_MODULE": "shop.settings",
        }

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip

    def shell(self, code: str) -> str:
        """Return the last line that ``code`` prints."""
        done = self.run("-c", f"import django; django.setup(); from shop.tasks import *\n{code}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()[-1]

    @contextmanager
    def started(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    folder = tmp_path_factory.mktemp("windows")
    for name in ("shop", "tmp"):
        (folder / name).mkdir()
    for name, text in {"__init__": "", "settings": SETTINGS, "tasks": TASKS, "urls": "urlpatterns = []\n"}.items():
        (folder / "shop" / f"{name}.py").write_text(text)
    (folder / "manage.py").write_text(MANAGE)
    project = Windows(folder)
    done = project.run("manage.py", "migrate")
    assert done.returncode == 0, done.stderr
    return project


def printed_until(process: subprocess.Popen[str], text: str) -> str:
    """Return what the process prints up to the line that holds ``text``."""
    assert process.stdout is not None
    printed = ""
    while text not in printed:
        line = process.stdout.readline()
        assert line, f"it ended without saying {text!r}: {printed}"
        printed += line
    return printed


def test_the_interpreter_lacks_what_it_should(windows: Windows) -> None:
    code = "import os, socket, signal; print(hasattr(os, 'fork'), hasattr(socket, 'AF_UNIX'), hasattr(signal, 'SIGHUP'))"
    assert windows.run("-c", code).stdout == "False False False\n"
    assert "No module named 'fcntl'" in windows.run("-c", "import fcntl").stderr


def test_every_module_can_be_imported(windows: Windows) -> None:
    code = """
import importlib, os, pkgutil, django, sitecustomize, celeriac
from django.conf import settings
os.environ["HYPOTHESIS_NO_PLUGINS"] = "yes"  # where trio is installed, it takes this for Linux, by sys.platform
needed = ["admin", "auth", "contenttypes"]  # by celeriac.admin, as by every other
settings.configure(INSTALLED_APPS=[f"django.contrib.{name}" for name in needed] + ["celeriac"])
django.setup()
found = [module.name for module in pkgutil.walk_packages(celeriac.__path__, "celeriac.")]
for name in found:
    if name.endswith("__main__"):
        continue
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name in sitecustomize.MODULES or error.name.startswith("celeriac"):
            raise  # else it belongs to an extra that is not installed here
print(len(found))"""
    done = windows.run("-c", code)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


@pytest.mark.parametrize(("options", "pool", "thread"), [((), "threads", "celeriac"), (("-P", "solo"), "solo", "MainThread")])
def test_a_worker_runs_jobs_and_ends_at_ctrl_c(windows: Windows, options: tuple[str, ...], pool: str, thread: str) -> None:
    with windows.started("manage.py", "celeriac", "worker", *options) as worker:
        assert f"pool    {pool}" in printed_until(worker, "stop ")
        jobs = "[thread.delay(), coroutine.delay(), endless.delay(), coroutine.apply_async(countdown=0.5)]"
        name, *values = eval(windows.shell(f"print([job.get(timeout={DEADLINE}) for job in {jobs}])"))  # noqa: S307 - our own text
        assert name.startswith(thread)
        assert values == [42, "told to end", 42]
        worker.send_signal(signal.SIGINT)
        printed, _ = worker.communicate(timeout=DEADLINE)
        assert worker.returncode == 0, printed
    assert not list(windows.temporary.glob("celeriac-*")), "wake-ups need no sockets, so no folder of them is made"


def test_a_job_for_an_idle_worker_does_not_wait_for_the_slow_look(windows: Windows) -> None:
    with windows.started("-m", "celeriac", "-A", "shop", "worker") as worker:
        printed_until(worker, "stop ")
        code = """
import time
coroutine.delay().get(timeout=30)
begun = time.monotonic()
for _ in range(20):
    coroutine.delay().get(timeout=30)
print(time.monotonic() - begun)"""
        assert float(windows.shell(code)) < 10.0, "twenty looks of the slow kind take 16 s at least"


@pytest.mark.parametrize("options", [("-P", "prefork"), ("-P", "processes")])
def test_prefork_is_refused_in_one_line(windows: Windows, options: tuple[str, ...]) -> None:
    done = windows.run("-m", "celeriac", "-A", "shop", "worker", *options)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("[")]
    assert "prefork" in line
    assert "--pool threads" in line


def test_one_ctrl_break_stops_site_and_worker(windows: Windows) -> None:
    address = f"127.0.0.1:{free_port(0)}"
    with windows.started("manage.py", "celeriac", "up", "--bind", address) as up:
        printed_until(up, "stop ")
        assert windows.shell(f"print(coroutine.delay().get(timeout={DEADLINE}))") == "42"
        up.send_signal(BREAK)
        printed, _ = up.communicate(timeout=DEADLINE)
        assert up.returncode == 0, printed


def test_autoreload_starts_the_worker_anew(windows: Windows) -> None:
    with windows.started("manage.py", "celeriac", "worker", "--autoreload") as outer:
        before = pid_in(printed_until(outer, "stop "))
        changed = windows.folder / "shop" / "urls.py"
        os.utime(changed, (time.time() + 10, time.time() + 10))
        assert pid_in(printed_until(outer, "stop ")) != before
        outer.send_signal(BREAK)
        printed, _ = outer.communicate(timeout=DEADLINE)
        assert outer.returncode == 0, printed


def pid_in(text: str) -> str:
    found = re.search(r"pid (\d+)", text)
    assert found is not None, text
    return found[1]
