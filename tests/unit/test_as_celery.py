"""The command ``celery``: written on request, never over another program's; and what it answers to Celery's words."""

from __future__ import annotations

import os
import subprocess
from argparse import Namespace
from pathlib import Path

import pytest

from celeriac import __version__
from celeriac.cli.as_celery import run_install_as_celery
from celeriac.cli.celery_commands import INSTEAD
from celeriac.cli.main import main
from celeriac.cli.worker import Flags


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


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Flags]:
    """The flags of the workers that were to be started."""
    flags: list[Flags] = []
    monkeypatch.setattr("celeriac.cli.worker.run_flags", lambda found: flags.append(found) or 0)
    monkeypatch.setattr("celeriac.cli.worker.has_master", lambda flags: False)
    return flags


@pytest.mark.parametrize("options", [["-B"], ["--beat", "--scheduler", "django", "-s", "file", "-S", "state"]])
def test_a_worker_that_is_asked_to_be_beat_too_says_that_it_is_anyway(
    options: list[str], started: list[Flags], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["worker", *options]) == 0
    assert capsys.readouterr().err.startswith("--beat: every worker fires what is due of the periodic tasks")
    assert len(started) == 1


@pytest.mark.parametrize(
    ("options", "concurrency"),
    [(["--autoscale=10,3"], 10), (["--autoscale", "3,10"], 10), (["--autoscale=10,3", "-c", "4"], 4)],
)
def test_a_worker_that_is_to_scale_itself_has_the_most_slots_at_once_and_says_so(
    options: list[str], concurrency: int, started: list[Flags], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["worker", *options]) == 0
    assert started[0].concurrency == concurrency
    assert f"there are {concurrency}, as with -c {concurrency}." in capsys.readouterr().err


def test_flags_of_celery_with_nothing_to_set_are_accepted_in_silence(
    started: list[Flags], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (
        "-c auto -O fair --without-gossip --without-mingle --without-heartbeat -E --prefetch-multiplier 1 --disable-prefetch"
    )
    assert main(["worker", *flags.split()]) == 0
    assert capsys.readouterr().err == ""
    assert started[0].concurrency is None


@pytest.mark.parametrize("command", sorted(INSTEAD))
def test_a_command_of_celery_that_is_not_here_is_answered_with_what_does_its_work(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["-A", "proj", command])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"celeriac {command}: {INSTEAD[command]}\n"
