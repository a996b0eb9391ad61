"""``celeriac migrate check`` on a copy of each project of this folder: the lines that concern somebody, and no others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from celeriac.cli import main

HERE = Path(__file__).parent
SHAPES = sorted(folder.name for folder in HERE.iterdir() if (folder / "manage.py").exists())

NAMED: dict[str, list[tuple[str, str, str]]] = {
    "settings_package": [
        ("differs", "proj/settings/base.py", "CELERY_RESULT_BACKEND ="),
        ("ignored", "proj/settings/base.py", "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP ="),
        ("ignored", "proj/settings/base.py", "CELERY_BROKER_TRANSPORT_OPTIONS ="),
    ],
    "foldername": [
        ("differs", "foldername/settings.py", "CELERY_ENABLE_UTC ="),
        ("differs", "foldername/settings.py", "CELERY_TASK_RESULT_EXPIRES ="),
        ("differs", "mail/tasks.py", "def send_email"),
        ("ignored", "foldername/settings.py", "BROKER_TRANSPORT ="),
        ("differs", "foldername/settings.py", "CELERY_RESULT_BACKEND ="),
        ("ignored", "foldername/settings.py", "CELERY_DISABLE_RATE_LIMITS ="),
        ("ignored", "foldername/settings.py", "CELERYD_FORCE_EXECV ="),
    ],
    "eventlet": [
        ("differs", "mysite/celery.py", 'app = Celery("mysite", broker='),
        ("differs", "polls/tasks.py", "def count"),
    ],
    "djcelery": [
        ("differs", "orders/tasks.py", "def close_orders"),
        ("ignored", "shopsite/settings.py", '"djcelery",'),
        ("ignored", "shopsite/settings.py", '"kombu.transport.django",'),
        ("ignored", "shopsite/settings.py", "CELERY_RESULT_BACKEND ="),
        ("ignored", "shopsite/settings.py", "CELERYBEAT_SCHEDULER ="),
    ],
    "database_results": [
        ("change", "proj/settings.py", '"django_celery_beat",'),
        ("change", "supervisord.conf", "command=celery -A proj worker"),
        ("ignored", "proj/settings.py", '"django_celery_results",'),
        ("differs", "proj/settings.py", "CELERY_RESULT_BACKEND ="),
        ("ignored", "proj/settings.py", "CELERY_BEAT_SCHEDULER ="),
        ("ignored", "proj/settings.py", "CELERY_WORKER_SEND_TASK_EVENTS ="),
        ("ignored", "proj/settings.py", "CELERY_WORKER_PREFETCH_MULTIPLIER ="),
        ("ignored", "proj/settings.py", "CELERY_TASK_REJECT_ON_WORKER_LOST ="),
    ],
}
"""Shape -> category, file, and how the line begins."""


@pytest.fixture
def copy(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of the project that the test names."""
    shape: str = request.param
    shutil.copytree(HERE / shape, tmp_path / shape, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / shape


@pytest.mark.parametrize("copy", SHAPES, indirect=True)
def test_the_lines_that_concern_somebody_are_named_and_no_others(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = set(NAMED[copy.name])
    status = main(["migrate", "check", str(copy), "--json"])
    named = set()
    for finding in json.loads(capsys.readouterr().out)["findings"]:
        written = (copy / finding["file"]).read_text("utf-8").splitlines()[finding["line"] - 1].strip()
        begins = [line for _, file, line in expected if file == finding["file"] and written.startswith(line)]
        named.add((finding["category"], finding["file"], begins[0] if begins else written))
    assert named == expected
    assert status == any(category == "unsupported" for category, _, _ in expected)


@pytest.mark.parametrize("copy", SHAPES, indirect=True)
def test_without_the_one_edit_its_place_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package = next(path for path in copy.rglob("__init__.py") if "install_as_celery" in path.read_text("utf-8"))
    edited = package.read_text("utf-8").replace("import celeriac\n\nceleriac.install_as_celery()\n", "")
    package.write_text(edited, encoding="utf-8")
    main(["migrate", "check", str(copy), "--json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    (fix,) = (finding["fix"] for finding in findings if finding["what"] == "import of celery")
    assert f"At the top of {package.relative_to(copy).as_posix()}: import celeriac; celeriac.install_as_celery()." in fix


@pytest.mark.process
@pytest.mark.parametrize("copy", ["database_results"], indirect=True)
def test_manage_py_runs_it_too(copy: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "CELER"))}
    ended = subprocess.run(
        [sys.executable, "manage.py", "celeriac", "migrate", "check"], cwd=copy, capture_output=True, text=True, timeout=60,
        check=False, env={**kept, "PYTHONPATH": str(HERE.parents[1] / "src")},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "supervisord.conf:2  celery worker" in ended.stdout
    assert "celeriac -A proj worker --loglevel INFO --concurrency 2 -n worker1@%%h" in ended.stdout
