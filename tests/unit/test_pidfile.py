"""The file with the worker's pid: one living process in it, and nothing that keeps a worker from starting again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from celeriac.cli.pidfile import holding, lives
from celeriac.engine.errors import ImproperlyConfigured


def test_the_pid_is_in_the_file_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "w.pid"
    with holding(path):
        assert path.read_text() == f"{os.getpid()}\n"
    assert not path.exists()


def test_the_file_goes_with_an_error_too(tmp_path: Path) -> None:
    path = tmp_path / "w.pid"
    with pytest.raises(KeyError), holding(path):
        raise KeyError
    assert not path.exists()


def test_no_file_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with holding(None):
        assert list(tmp_path.iterdir()) == []


def an_ended_process() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


@pytest.mark.parametrize("text", ["", "no number\n", "\xff", f"{10**30}\n", "ours", "dead"])
def test_a_file_without_a_living_process_in_it_is_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "w.pid"
    text = {"ours": f"{os.getpid()}\n", "dead": f"{an_ended_process()}\n"}.get(text, text)
    path.write_text(text, encoding="latin-1")
    with holding(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_living_process_is_named_with_what_to_do_and_keeps_its_file(tmp_path: Path) -> None:
    path = tmp_path / "w.pid"
    path.write_text(f"{os.getppid()}\n")
    with pytest.raises(ImproperlyConfigured, match=rf"pid {os.getppid()}\).* kill {os.getppid()}\..* rm "), holding(path):
        pass
    assert path.read_text() == f"{os.getppid()}\n"


def test_a_process_of_another_user_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert lives(1)
