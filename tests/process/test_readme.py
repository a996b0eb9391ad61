"""The README's own example, block by block, in a project made for it: settings, tasks, migrate, worker, call."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"

pytestmark = pytest.mark.process


def block(title: str) -> str:
    """Return the block of the README whose first line is ``# title``."""
    found = re.search(rf"^```python\n# {re.escape(title)}\n(.*?)^```", README.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert found is not None, f"README.md has no block that begins with '# {title}'"
    return found[1]


class Project:
    """A new Django project in a folder, run as a user runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Nothing of this suite's own settings may reach it.
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "CELER"))}

    def run(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.run("-m", "django", "startproject", "shop", ".")
    project.run("manage.py", "startapp", "orders")
    with (tmp_path / "shop" / "settings.py").open("a") as settings:
        settings.write(block("shop/settings.py"))
    (tmp_path / "orders" / "tasks.py").write_text(block("orders/tasks.py"))
    project.run("manage.py", "migrate")
    return project


@pytest.fixture
def worker(project: Project) -> Iterator[subprocess.Popen[str]]:
    process = project.start("manage.py", "celeriac", "worker")
    yield process
    process.kill()
    process.communicate()


def test_the_example_prints_what_the_readme_says(project: Project, worker: subprocess.Popen[str]) -> None:
    assert project.run("manage.py", "shell", "-c", block("manage.py shell")).splitlines()[-1] == "42"


def test_ctrl_c_stops_the_worker(project: Project, worker: subprocess.Popen[str]) -> None:
    project.run("manage.py", "shell", "-c", block("manage.py shell"))  # so that it is known to be up
    worker.send_signal(signal.SIGINT)
    printed, _ = worker.communicate(timeout=30)
    assert worker.returncode == 0, printed


def test_the_options_that_it_shows_satisfy_the_system_check(project: Project) -> None:
    assert "no issues" in project.run("manage.py", "check", "--fail-level", "WARNING")


def test_install_as_celery_makes_celery_importable(project: Project) -> None:
    (project.folder / "shop" / "__init__.py").write_text("import celeriac\n\nceleriac.install_as_celery()\n")
    assert "import celeriac\n\nceleriac.install_as_celery()\n" in README.read_text()
    code = "import celery, celeriac; from celery.result import AsyncResult; print(celery.shared_task is celeriac.shared_task)"
    assert project.run("manage.py", "shell", "-c", code).splitlines()[-1] == "True"
