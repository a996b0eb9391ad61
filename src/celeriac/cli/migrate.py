"""``celeriac migrate check [PATH]``: what a project written for Celery needs to know, before it runs on Celeriac."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from celeriac.migrating import Report

EXIT_WRONG_PATH = 2


def migrate_options(parser: argparse.ArgumentParser) -> None:
    """Add the sub-command and its options."""
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True)
    check = steps.add_parser(
        "check",
        help=_("read a project's settings, code and start scripts; say what differs, has no effect or is not supported"),
        description=_("Reads files and runs none of them. Exit status: 0, or 1 where something is not supported."),
    )
    check.add_argument("path", nargs="?", type=Path, default=Path(), metavar="PATH", help=_("the project's folder (this one)"))
    check.add_argument("--json", action="store_true", help=_("print one JSON object instead of text"))


def run_migrate(options: argparse.Namespace) -> int:
    """Check the project, print the report, return the exit status."""
    from celeriac.migrating import check  # the readers are needed only here
    from celeriac.migrating.checking import NoSuchProject
    from celeriac.migrating.report import as_json

    try:
        report = check(options.path)
    except NoSuchProject as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_WRONG_PATH
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a console in another encoding still gets the report
    if options.json:
        sys.stdout.write(f"{as_json(report)}\n")
    else:
        show(report)
    return report.exit_status


def show(report: Report) -> None:
    """Print the report, in colours on a terminal where rich is installed."""
    from celeriac.migrating.report import parts, text

    try:
        from rich.console import Console  # an extra
        from rich.text import Text
    except ImportError:
        sys.stdout.write(text(report))
        return
    whole = Text()
    for style, part in parts(report):
        whole.append(part, style)
    # A pipe gets the lines as they are: whoever searches them looks for a file and its line beside each other.
    console = Console(highlight=False)
    console.print(whole, end="", soft_wrap=not console.is_terminal)
