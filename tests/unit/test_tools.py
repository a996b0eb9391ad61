"""The scripts behind ``make test``: which interpreters they find, and what they say in the end."""

from __future__ import annotations

import sys
from pathlib import Path

import environment
import pytest
import suite


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_shim_that_exists_but_does_not_run_is_no_interpreter(tmp_path: Path) -> None:
    shim = script(tmp_path / "python3.13", "echo 'pyenv: command not found' >&2; exit 127")
    assert environment.version_of(str(shim)) is None


def test_a_missing_interpreter_has_no_version(tmp_path: Path) -> None:
    assert environment.version_of(str(tmp_path / "python3.13")) is None


def test_this_interpreter_has_its_version() -> None:
    assert environment.version_of(sys.executable) == ".".join(map(str, sys.version_info[:3]))


def test_behind_a_broken_shim_pyenvs_own_interpreter_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "shims" / "python3.13", "exit 127")
    real = script(tmp_path / "home" / ".pyenv" / "versions" / "3.13.0" / "bin" / "python", "echo 3.13.0")
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    found = suite.newest()
    assert found is not None
    assert found.interpreter == str(real)


def test_without_one_only_the_default_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    assert suite.newest() is None


def test_the_last_line_says_what_ran_and_what_did_not() -> None:
    runs = [suite.Run("Python 3.11.7 with Django 5.2.19", 0)]
    assert suite.report(runs, newest_is_missing=True) == (
        "Ran: Python 3.11.7 with Django 5.2.19 (passed). Not run: Python 3.13 with Django 6.1:"
        " no working python3.13 on PATH or in ~/.pyenv/versions."
    )
    runs.append(suite.Run("Python 3.13.0 with Django 6.1.3", 1))
    assert suite.report(runs, newest_is_missing=False) == (
        "Ran: Python 3.11.7 with Django 5.2.19 (passed), Python 3.13.0 with Django 6.1.3 (failed)."
    )


def test_mysqlclient_is_built_for_the_tests_once_its_library_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text("one")
    folder, tools = tmp_path / "venv", tmp_path / "tools"
    fails = 'case "$*" in *mysql*) exit 1;; esac'
    script(folder / "bin" / "python", f'case "$1" in -m) echo "$@" >> "$0.log"; {fails};; *) echo 3.11.7;; esac')
    made = environment.Environment(folder, str(folder / "bin" / "python"), "Django~=5.2.0")
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.delenv("CI", raising=False)
    script(tools / "cc", "exit 0")
    script(tools / "pkg-config", "exit 1")
    made.ensure("test")
    assert "mysql" not in (folder / "bin" / "python.log").read_text()
    script(tools / "pkg-config", "exit 0")
    made.ensure("test")
    assert "--editable .[mysql]" in (folder / "bin" / "python.log").read_text()
    assert "the tests of MariaDB run with PyMySQL" in capsys.readouterr().out
    monkeypatch.setenv("CI", "1")
    (tmp_path / "pyproject.toml").write_text("two")
    with pytest.raises(SystemExit, match="mysqlclient could not be built for venv"):
        made.ensure("test")


def test_a_changed_pyproject_makes_an_environment_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "can_build_mysqlclient", lambda: False)
    (tmp_path / "pyproject.toml").write_text("one")
    folder = tmp_path / "venv"
    script(folder / "bin" / "python", 'case "$1" in -m) echo "$@" >> "$0.log";; *) echo 3.11.7;; esac')
    made = environment.Environment(folder, str(folder / "bin" / "python"), "Django~=5.2.0")
    log = folder / "bin" / "python.log"
    for extra, installs in (("test", 1), ("test", 1), ("demo", 1), ("dev", 2)):
        made.ensure(extra)
        assert len(log.read_text().splitlines()) == installs, extra
    (tmp_path / "pyproject.toml").write_text("two")
    made.ensure("demo")
    assert len(log.read_text().splitlines()) == 3
