"""Where a project is that was not found here: a little above, or up to two folders below."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac.cli.nearby import way_to_manage_py, way_to_module
from celeriac.cli.project import find_app, set_up_django
from celeriac.cli.up import run_up
from celeriac.exceptions import ImproperlyConfigured


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder far from any other project, which is the current one and can be imported from."""
    home = tmp_path / "a" / "b" / "c" / "home"
    home.mkdir(parents=True)
    monkeypatch.chdir(home)
    monkeypatch.syspath_prepend(str(home))
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    yield home
    for name in [name for name in sys.modules if name.partition(".")[0] in ("proj", "site1")]:
        del sys.modules[name]


def a_project(folder: Path) -> Path:
    """Make what ``startproject proj`` makes."""
    (folder / "proj").mkdir(parents=True)
    (folder / "manage.py").write_text("os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'proj.settings')\n")
    for name in ("__init__", "settings"):
        (folder / "proj" / f"{name}.py").touch()
    return folder


def way(folder: Path) -> str:
    return f" Go to its folder first: cd {shlex.quote(str(folder))}"


@pytest.mark.parametrize("place", ["..", "../..", "../../..", "below", "below/it", "with a space"])
def test_a_project_near_by_is_found(home: Path, place: str) -> None:
    folder = a_project((home / place).resolve())
    assert (way_to_module("proj"), way_to_manage_py()) == (way(folder), way(folder))


@pytest.mark.parametrize("place", ["../../../..", "far/too/deep", ".hidden", "node_modules"])
def test_what_is_far_or_no_place_of_projects_is_not(home: Path, place: str) -> None:
    a_project((home / place).resolve())
    assert (way_to_module("proj"), way_to_manage_py()) == ("", "")


def test_what_is_installed_in_an_environment_is_no_project(home: Path) -> None:
    a_project(home / "env" / "lib")
    (home / "env" / "pyvenv.cfg").touch()
    assert way_to_module("proj") == ""


def test_the_nearer_of_two_is_meant(home: Path) -> None:
    a_project(home / "old" / "copy")
    assert way_to_module("proj") == way(home / "old" / "copy")
    near = a_project(home / "zoo")
    assert way_to_module("proj") == way(near)


def test_a_folder_that_may_not_be_read_is_passed_over(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_project(home / "site")
    read = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path.name == "locked":
            raise PermissionError(path)
        return read(path)

    (home / "locked").mkdir()
    monkeypatch.setattr(Path, "iterdir", iterdir)  # the tests may run as root, who may read everything
    assert way_to_manage_py() == way(folder)


# -- what is answered with it --------------------------------------------------------------------------------------------------


def test_the_folder_of_manage_py_is_not_taken_for_the_package_of_the_same_name(home: Path) -> None:
    folder = a_project(home / "proj")
    with pytest.raises(ImproperlyConfigured) as refusal:
        find_app("proj")
    assert str(refusal.value) == f"-A proj: there is no module 'proj' to import from {home}.{way(folder)}"


def test_a_package_without_init_is_one_where_it_has_settings(home: Path) -> None:
    a_project(home)
    (home / "proj" / "__init__.py").unlink()
    assert find_app("proj") is None
    assert os.environ["DJANGO_SETTINGS_MODULE"] == "proj.settings"


@pytest.mark.parametrize(("asked", "meant"), [("prjo", "proj"), ("proj.setings", "settings")])
def test_a_mistyped_name_is_answered_with_the_nearest_of_the_right_folder(home: Path, asked: str, meant: str) -> None:
    a_project(home)
    with pytest.raises(ImproperlyConfigured, match=rf"Did you mean '{meant}'\?$"):
        find_app(asked)


def test_without_a_name_the_folder_with_manage_py_is_shown(home: Path) -> None:
    folder = a_project(home / "site")
    with pytest.raises(ImproperlyConfigured) as refusal:
        set_up_django()
    assert str(refusal.value).endswith(f"-A names no project, and {home} has no manage.py.{way(folder)}")


def test_settings_of_the_environment_that_cannot_be_imported_from_here_are_looked_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = a_project(home / "site")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "site1.settings")
    (folder / "proj").rename(folder / "site1")
    code = "from celeriac.cli.project import set_up_django\nset_up_django()"
    assert _error_of(code) == (
        "celeriac.engine.errors.ImproperlyConfigured: DJANGO_SETTINGS_MODULE is 'site1.settings', and there is no module"
        f" 'site1' to import from {home}.{way(folder)}"
    )


def _error_of(code: str) -> str:
    """Return the last line that a fresh interpreter complains with: Django's settings are read once a process."""
    source = str(Path(__file__).parents[2] / "src")
    environment = {**os.environ, "PYTHONPATH": source}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stderr.strip().splitlines()[-1]


def test_up_shows_the_folder_with_manage_py(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = a_project(home / "site")
    assert run_up(Namespace(bind="127.0.0.1:0")) == 2
    assert capsys.readouterr().err == f"celeriac up: there is no manage.py in {home}.{way(folder)}\n"
