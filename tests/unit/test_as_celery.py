"""The command ``celery``: written on request, never over another program's; and what it answers for beat."""

from __future__ import annotations

import os
import subprocess
from argparse import Namespace
from pathlib import Path

import pytest

from celeriac import __version__
from celeriac.cli.as_celery import run_install_as_celery
from celeriac.cli.main import main


def test_the_command_celery_is_celeriac(tmp_path: Path) -> None:
    assert main(["install-as-celery", "--into", str(tmp_path)]) == 0
    command = tmp_path / "celery"
    printed = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60, check=True, env={}).stdout
    assert printed == f"celeriac {__version__}\n"


def test_it_may_be_written_again(tmp_path: Path) -> None:
    for _ in range(2):
        assert run_install_as_celery(Namespace(into=tmp_path)) == 0
    assert os.access(tmp_path / "celery", os.X_OK)


@pytest.mark.parametrize("name", ["celery", "celery.exe"])
def test_the_command_of_another_program_is_left_alone(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text("from celery.__main__ import main")
    assert run_install_as_celery(Namespace(into=tmp_path)) == 1
    assert "Uninstall it: pip uninstall celery" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == "from celery.__main__ import main"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("options", [(), ("-l", "info", "-S", "django"), ("--pidfile=", "--max-interval", "5", "-s", "file")])
def test_beat_ends_with_a_failure_and_a_sentence(options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-A", "proj", "beat", *options]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_worker_that_is_asked_to_be_beat_too_says_that_it_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("celeriac.cli.worker.run_flags", lambda flags: 0)
    monkeypatch.setattr("celeriac.cli.worker.has_master", lambda flags: False)
    for option in ("-B", "--beat"):
        assert main(["worker", option]) == 0
        assert capsys.readouterr().err.startswith("--beat: Schedules do not run in this version of Celeriac")
    assert main(["worker"]) == 0
    assert capsys.readouterr().err == ""
