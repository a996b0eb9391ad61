"""The entry point of every way to start Celeriac."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence

from celeriac import __version__
from celeriac.cli import console, parser
from celeriac.cli.as_celery import run_install_as_celery
from celeriac.cli.beat import run_beat
from celeriac.cli.demo import run_demo
from celeriac.cli.migrate import run_migrate
from celeriac.cli.migrate_broker import run_migrate_broker
from celeriac.cli.up import run_up
from celeriac.cli.worker import run_worker

COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "worker": run_worker,
    "up": run_up,
    "demo": run_demo,
    "migrate": run_migrate,
    "migrate-broker": run_migrate_broker,
    "beat": run_beat,
    "install-as-celery": run_install_as_celery,
}


def main(arguments: Sequence[str] | None = None, program: str = "celeriac") -> int:
    """Run one command. Returns the exit status."""
    console.prepare()
    options = parser.parse(arguments, program)
    if options.version:
        print(f"celeriac {__version__}")  # noqa: T201 - the answer to the command
        return 0
    if options.workdir:
        os.chdir(options.workdir)
    if options.command is None:
        parser.build(program).print_help(sys.stderr)
        return 2
    return COMMANDS[options.command](options)
