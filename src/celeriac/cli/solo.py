"""``celeriac worker --pool solo``: everything in this process."""

from __future__ import annotations

from celeriac import __version__
from celeriac.cli.announce import announce
from celeriac.cli.worker import Flags
from celeriac.engine.worker.solo import run_solo as run
from celeriac.worker import load_project


def run_solo(flags: Flags) -> int:
    """Import the project here and run a worker. Returns the exit status."""
    return run(load_project(flags), announce, __version__)
