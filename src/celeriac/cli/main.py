"""The entry point of every way to start Celeriac."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from celeriac import __version__
from celeriac.cli import console


def main(arguments: Sequence[str] | None = None, program: str = "celeriac") -> int:
    """Run one command. Returns the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    console.prepare()
    words = given[2:] if given[:1] in (["-A"], ["--app"]) else given
    if words[:1] == ["health"]:
        from celeriac.cli import health  # a probe pays for nothing else

        return health.main(words[1:], program)
    return _run(given, program)


def _run(arguments: Sequence[str], program: str) -> int:
    from celeriac.cli import parser  # the options of all commands
    from celeriac.cli.commands import COMMANDS

    options = parser.parse(arguments, program)
    if options.version:
        print(f"celeriac {__version__}")  # noqa: T201 - the answer to the command
        return 0
    if options.workdir:
        os.chdir(options.workdir)
    if options.command is None:
        parser.build(program).print_help(sys.stderr)
        return 2
    _see_this_folder()
    return COMMANDS[options.command](options)


def _see_this_folder() -> None:
    """Let the project be imported from the current folder, as ``python -m`` does and a console script does not."""
    here = os.getcwd()  # noqa: PTH109 - the probe begins here too, and does not pay for pathlib
    if here not in sys.path:
        sys.path.insert(0, here)
