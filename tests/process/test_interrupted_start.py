"""A process that is told to stop while it still imports the project. What ends there by itself must end, and not go on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.smallsite import Project, until

pytestmark = pytest.mark.process

LOSES_AN_EXCEPTION = """
import time, weakref

class Something:
    pass

def called_back(reference):
    open("importing", "w").close()
    time.sleep(2)

something = Something()
reference = weakref.ref(something, called_back)
del something
"""
"""What is raised in such a callback is printed and forgotten; each import has one."""
IN_A_BACKGROUND = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""As a shell starts what it does not wait for."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    project.add_tasks(LOSES_AN_EXCEPTION)
    yield project
    project.close()


@pytest.mark.parametrize("around", [(), ("-c", IN_A_BACKGROUND)], ids=["in a terminal", "in a background"])
@pytest.mark.parametrize("command", [("beat",), ("worker", "--pool", "solo")], ids=["beat", "solo"])
def test_ctrl_c_while_the_project_is_imported_is_not_lost(
    site: Project, command: tuple[str, ...], around: tuple[str, ...]
) -> None:
    started = site.start(*around, "-m", "celeriac", *command, DJANGO_SETTINGS_MODULE="proj.settings")
    until((site.folder / "importing").exists, started)
    started.process.send_signal(signal.SIGINT)
    assert started.wait() == -signal.SIGINT
