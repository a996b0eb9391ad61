"""The entry point of every way to start Celeriac."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from celeriac import __version__
from celeriac.cli import parser
from celeriac.cli.up import run_up
from celeriac.cli.worker import run_worker


def main(arguments: Sequence[str] | None = None, program: str = "celeriac") -> int:
    """Run one command. Returns the exit status."""
    options = parser.parse(arguments, program)
    if options.version:
        print(f"celeriac {__version__}")  # noqa: T201 - the answer to the command
        return 0
    if options.workdir:
        os.chdir(options.workdir)
    if options.command is None:
        parser.build(program).print_help(sys.stderr)
        return 2
    return run_up(options) if options.command == "up" else run_worker(options)
