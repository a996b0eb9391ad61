"""The command line and a worker speak Simplified Chinese: where the environment says so, and where Django does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

SETTINGS = """
INSTALLED_APPS = ["celeriac"]
SECRET_KEY = "x" * 50
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "jobs.sqlite3"}}
"""
VARIABLES = frozenset({"LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG", "DJANGO_SETTINGS_MODULE"})


def celeriac(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return subprocess.Popen(
        [sys.executable, "-m", "celeriac", *arguments], cwd=folder, env=kept | {"PYTHONUTF8": "1"} | environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
    )  # fmt: skip


def answer(folder: Path, *arguments: str, **environment: str) -> str:
    return celeriac(folder, *arguments, **environment).communicate(timeout=60)[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    write(tmp_path, SETTINGS)
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / "shop" / "settings.py").write_text(text)


def test_the_help_is_in_the_language_of_the_environment(folder: Path) -> None:
    chinese = answer(folder, "worker", "--help", LANGUAGE="zh_Hans")
    assert chinese.startswith("用法：celeriac worker")
    assert "只处理这些队列" in chinese
    assert "serve only these queues" in answer(folder, "worker", "--help", LANG="C")


def test_a_mistyped_option_is_answered_in_it_with_the_nearest_one(folder: Path) -> None:
    assert "您是不是要写 '--concurrency'？" in answer(folder, "worker", "--concurency", "2", LANG="zh_CN.UTF-8")


def test_a_wrong_setting_is_answered_in_it(folder: Path) -> None:
    write(folder, SETTINGS + 'CELERIAC = {"LEASSE": 15}\n')
    printed = answer(folder, "-A", "shop", "worker", LANGUAGE="zh_Hans")
    assert "CELERIAC 没有 'LEASSE' 这项设置。您是不是要写 'LEASE'？" in printed


def test_missing_tables_are_answered_in_the_language_of_django(folder: Path) -> None:
    write(folder, SETTINGS + 'LANGUAGE_CODE = "zh-hans"\n')
    assert "里没有 Celeriac 的表。请创建：python manage.py migrate" in answer(folder, "-A", "shop", "worker", LANG="C.UTF-8")


def test_the_start_of_a_worker_is_told_in_the_language_of_django(folder: Path) -> None:
    write(folder, SETTINGS + 'LANGUAGE_CODE = "zh-hans"\n')
    migrate = (
        "import django; django.setup(); from django.core.management import call_command; call_command('migrate', verbosity=0)"
    )
    subprocess.run(
        [sys.executable, "-c", migrate], cwd=folder, env=os.environ | {"DJANGO_SETTINGS_MODULE": "shop.settings"}, check=True
    )
    worker = celeriac(folder, "-A", "shop", "worker", "-c", "1", LANG="C.UTF-8")
    assert worker.stdout is not None
    printed = ""
    while "停止" not in printed:
        line = worker.stdout.readline()
        assert line, printed
        printed += line
    worker.send_signal(signal.SIGINT)
    worker.communicate(timeout=30)
    assert "  队列    celery\n" in printed
    assert "1 个子进程" in printed
