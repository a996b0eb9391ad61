"""Where a project is, for whoever started a command in the wrong folder: a little above this one, or up to two below."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from celeriac.engine.translation import gettext as _

ABOVE, BELOW = 3, 2
MOST = 2000
"""Folders that are looked at, at most: a home directory has more, and the answer is to come at once."""


def way_to_module(name: str) -> str:
    """Return a sentence with the command that goes where the module or package can be imported, or an empty string."""
    return _way(lambda folder: _has_module(folder, name))


def way_to_manage_py() -> str:
    """Return a sentence with the command that goes to the folder of manage.py, or an empty string."""
    return _way(lambda folder: (folder / "manage.py").is_file())


def _way(is_there: Callable[[Path], bool]) -> str:
    here = Path.cwd()
    for folder in (*here.parents[:ABOVE], *_below(here)):
        if is_there(folder):
            return _(" Go to its folder first: cd {folder}").format(folder=shlex.quote(str(folder)))
    return ""


def _has_module(folder: Path, name: str) -> bool:
    package = folder / name
    return any(path.is_file() for path in (package / "__init__.py", package / "settings.py", folder / f"{name}.py"))


def _below(here: Path) -> Iterator[Path]:
    """Yield the folders below, the nearer first."""
    level, seen = [here], 0
    for _depth in range(BELOW):
        level = [folder for parent in level for folder in _folders(parent)]
        for folder in level:
            seen += 1
            if seen > MOST:
                return
            yield folder


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(folder for folder in parent.iterdir() if _may_be_a_projects(folder))
    except OSError:
        return []  # not ours to read, or gone


def _may_be_a_projects(folder: Path) -> bool:
    hidden = folder.name.startswith((".", "_")) or folder.name == "node_modules"
    return not hidden and folder.is_dir() and not folder.is_symlink() and not (folder / "pyvenv.cfg").exists()
