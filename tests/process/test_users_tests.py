"""What docs/testing.md shows, block by block, in a project made for it: Django's own runner and pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "testing.md"

pytestmark = pytest.mark.process

OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}
SETTINGS = f"""
SECRET_KEY = "only for the tests"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "celeriac", "accounts"]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3", "OPTIONS": {OPTIONS!r}}}}}
DATABASES["default"]["TEST"] = {{"NAME": "test.sqlite3"}}
MAILERS = {{"default": {{"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""


class Site:
    """A Django project in a folder, whose tests are run as its author runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Nothing of this suite's own settings may reach it.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "CELER", "PYTEST"))}
        path = os.pathsep.join([str(ROOT / "src"), str(folder)])
        self.environment = {**kept, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONWARNINGS": "error"}
        self.write("site_settings.py", SETTINGS)
        self.write("pytest.ini", "[pytest]\nDJANGO_SETTINGS_MODULE = site_settings\n")
        self.write("accounts/__init__.py", "")

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def run(self, *command: str) -> tuple[int, str]:
        """Return the exit status and what was printed."""
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=self.folder, env=self.environment, timeout=100, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.returncode, done.stdout

    def pytest(self, *arguments: str) -> tuple[int, str]:
        return self.run("pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A project with every block of the page in its file."""
    site = Site(tmp_path)
    blocks = re.findall(r"^```python\n# (\S+)\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    for name, text in blocks:
        site.write(name, text)
    assert {name for name, _ in blocks} >= {"accounts/tests.py", "accounts/tests_of_jobs.py", "accounts/test_signup.py"}
    return site


def test_djangos_runner_runs_what_the_page_shows(site: Site) -> None:
    status, printed = site.run("django", "test", "--pattern", "tests*.py")
    assert status == 0, printed
    assert "Ran 6 tests" in printed


def test_pytest_runs_what_the_page_shows(site: Site) -> None:
    status, printed = site.pytest(*map(str, sorted((site.folder / "accounts").glob("test*.py"))))
    assert status == 0, printed
    assert "11 passed" in printed


CELERY_TESTS = """
import logging

import pytest
from celery import current_app, shared_task, signature
from celery.contrib.testing.tasks import ping
from celery.contrib.testing.worker import start_worker


@shared_task
def double(x):
    return 2 * x


@pytest.fixture(scope="session")
def celery_config():
    return {"broker_url": "memory://", "result_backend": "cache+memory://", "task_default_queue": "configured"}


@pytest.fixture(scope="session")
def celery_parameters():
    return {"task_cls": "accounts.base:Base", "strict_typing": False}


@pytest.fixture(scope="session")
def celery_includes():
    return ["accounts.late"]


@pytest.fixture(scope="session")
def celery_worker_parameters():
    return {"queues": ("configured", "other"), "without_heartbeat": False, "perform_ping_check": True}


@pytest.fixture(scope="session")
def celery_worker_pool():
    return "threads"


@pytest.fixture(scope="session")
def celery_enable_logging():
    return True


@pytest.fixture(scope="session")
def celery_class_tasks():
    from accounts.base import Base

    class Named(Base):
        name = "named"

        def run(self):
            return "by class"

    return [Named]


def test_a_worker_runs_shared_tasks_of_included_modules_and_logs(celery_app, celery_worker, caplog):
    assert signature("accounts.late.late").apply_async().get(timeout=50) == "late"
    assert double.apply_async([21], queue="other").get(timeout=50) == 42
    celery_worker.reload()
    assert any("succeeded in" in message for message in caplog.messages)
    assert current_app.conf.task_default_queue == "configured"


def test_parameters_reach_the_app(celery_app):
    from accounts.base import Base

    assert celery_app.Task is Base
    assert celery_app.strict_typing is False
    assert logging.getLogger("celery").level == logging.NOTSET


@pytest.mark.celery(task_default_queue="marked", result_backend="disabled")
def test_a_marker_wins_over_the_configuration(celery_app):
    assert celery_app.conf.task_default_queue == "marked"


def test_the_app_of_a_test_is_not_the_current_one(celery_app):
    assert current_app.main != "celery.tests"


def test_it_is_where_a_test_depends_on_it(celery_app, depends_on_current_app):
    assert current_app.main == "celery.tests"
    assert double.app is celery_app


def test_no_test_gets_the_jobs_of_another(celery_app):
    assert celery_app.broker().counts() == {}
    celery_app.send_task("left.behind", queue="other")


def test_neither_does_this_one(celery_app):
    assert celery_app.broker().counts() == {}


def test_a_worker_for_an_app_by_hand(celery_app):
    with start_worker(celery_app, perform_ping_check=True, queues="configured", pool="solo"):
        assert ping.delay().get(timeout=50) == "pong"


def test_a_session_has_an_app_and_a_worker(celery_session_app, celery_session_worker):
    assert celery_session_app.tasks["named"].delay().get(timeout=50) == "by class"


def test_they_are_the_same_for_the_next_test(celery_session_app, celery_session_worker):
    assert celery_session_app is not None and current_app.main == "celery.tests"
    assert celery_session_app.tasks["named"].delay().get(timeout=50) == "by class"


@pytest.mark.django_db
def test_a_database_and_a_worker_at_once(celery_app, celery_worker):
    assert double.delay(21).get(timeout=50) == 42
"""

TRAPPED = """
import pytest
from celery import current_app, shared_task


@pytest.fixture(scope="session")
def use_celery_app_trap():
    return True


@shared_task
def nothing(): ...


def test_the_current_app_is_a_trap(celery_app):
    with pytest.raises(RuntimeError, match="while use_celery_app_trap is on"):
        nothing.delay()
"""


def test_fixtures_of_celery_under_its_own_name(site: Site) -> None:
    site.write("site_settings.py", "import celeriac\nceleriac.install_as_celery()\n" + SETTINGS)
    site.write("conftest.py", 'pytest_plugins = ("celery.contrib.pytest",)\n')
    site.write("accounts/base.py", "from celery import Task\n\nclass Base(Task): ...\n")
    site.write("accounts/late.py", "from celery import shared_task\n\n@shared_task\ndef late():\n    return 'late'\n")
    site.write("accounts/test_celery.py", CELERY_TESTS)
    site.write("accounts/test_trapped.py", TRAPPED)
    status, printed = site.pytest("accounts/test_celery.py", "accounts/test_trapped.py", "--strict-markers")
    assert status == 0, printed
    assert "12 passed" in printed
