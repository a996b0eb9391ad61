"""``celeriac install-as-celery``: the command ``celery``, so that what starts a project's processes stays as it is.

Not a script of this package: installing that would overwrite the command of an installed Celery, and removing either package
would remove it for both.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import sysconfig
from pathlib import Path

from celeriac.engine.translation import gettext as _

EXIT_TAKEN = 1
_MARK = "-m celeriac"


def install_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--into", type=Path, metavar="FOLDER", help=_("where to write it (where the command 'celeriac' is)"))


def run_install_as_celery(options: argparse.Namespace) -> int:
    """Write the command next to ``celeriac``. Returns a failure where another program has its name."""
    command = (options.into or Path(sysconfig.get_path("scripts"))) / ("celery.cmd" if os.name == "nt" else "celery")
    if _is_taken(command):
        sys.stderr.write(
            _("{command} belongs to another program, probably to Celery itself. Uninstall it: pip uninstall celery\n").format(
                command=command
            )
        )
        return EXIT_TAKEN
    command.write_text(_script(), encoding="utf-8")
    command.chmod(0o755)
    sys.stdout.write(_("{command} starts Celeriac now.\n").format(command=command))
    return 0


def _is_taken(command: Path) -> bool:
    others = [command, command.with_suffix(".exe")]
    return any(other.exists() and _MARK.encode() not in other.read_bytes() for other in others)


def _script() -> str:
    if os.name == "nt":
        return f'@"{sys.executable}" {_MARK} %*\n'
    return f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {_MARK} "$@"\n'
