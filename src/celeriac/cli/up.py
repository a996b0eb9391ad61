"""``celeriac up``: the site and a worker together, for development and small machines. One Ctrl-C stops both."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

from celeriac.cli import processgroup
from celeriac.cli.nearby import way_to_manage_py
from celeriac.cli.worker import Flags, flags_of, worker_command
from celeriac.engine.translation import gettext as _

GRACE = 20.0
"""Seconds that either may take to stop before it is killed."""


def run_up(options: argparse.Namespace) -> int:
    """Run both until one ends or a signal arrives, then stop the other. Returns 0, or the status of the one that failed."""
    manage = manage_py()
    if manage is None:
        sys.stderr.write(
            _("celeriac up: there is no manage.py in {folder}.{hint}\n").format(
                folder=Path.cwd(), hint=way_to_manage_py() or _(" Go to the project's folder first: cd <project>")
            )
        )
        return 2
    flags = flags_of(options)
    return Pair(manage, options.bind, flags).run()


def manage_py() -> Path | None:
    """Return the project's manage.py, where this command was started through it or beside it."""
    started = Path(sys.argv[0])
    for path in (started, Path("manage.py")):
        if path.name == "manage.py" and path.is_file():
            return path.resolve()
    return None


class Pair:
    """The two processes. Each is a group of its own, so that a Ctrl-C reaches this process alone, which stops both in order."""

    def __init__(self, manage: Path, bind: str, flags: Flags) -> None:
        site = [sys.executable, str(manage), "runserver", bind, *([] if _develops() else ["--noreload"])]
        self.site = processgroup.start(site)
        self.worker = processgroup.start(worker_command(), flags.to_environment())
        self.stop = threading.Event()

    def run(self) -> int:
        """Wait for a signal, or for one of the two to end by itself."""
        processgroup.on_stop(self.stop.set)
        while not self.stop.wait(0.2) and self.site.poll() is None and self.worker.poll() is None:
            pass
        asked = self.stop.is_set()
        by_itself = [status for process in (self.worker, self.site) if (status := process.poll()) is not None]
        for process in (self.site, self.worker):
            processgroup.stop(process, GRACE)
        return 0 if asked else by_itself[0]


def _develops() -> bool:
    """Return whether the site should reload changed code: on a terminal, as ``runserver`` does by itself."""
    return sys.stdin.isatty()
