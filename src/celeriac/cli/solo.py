"""``celeriac worker --pool solo``: everything in this process."""

from __future__ import annotations

import sys

from celeriac import __version__
from celeriac.cli import processgroup
from celeriac.cli.announce import announce
from celeriac.cli.worker import Flags
from celeriac.engine.errors import CeleriacError
from celeriac.engine.worker.solo import run_solo as run
from celeriac.worker import load_project

EXIT_FAILED = 1


def run_solo(flags: Flags) -> int:
    """Import the project here and run a worker. Returns the exit status."""
    processgroup.end_on_interrupt()
    try:
        project = load_project(flags)
    except CeleriacError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_FAILED
    return run(project, announce, __version__)
