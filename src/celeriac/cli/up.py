"""``celeriac up``: the site and a worker together, for development and small machines. One Ctrl-C stops both."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from celeriac.cli.worker import Flags, flags_of, worker_command

GRACE = 20.0
"""Seconds that either may take to stop before it is killed."""


def run_up(options: argparse.Namespace) -> int:
    """Run both until one ends or a signal arrives, then stop the other. Returns 0, or the status of the one that failed."""
    manage = manage_py()
    if manage is None:
        sys.stderr.write(
            f"celeriac up: there is no manage.py in {Path.cwd()}. Go to the project's folder first: cd <project>\n"
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
        self.site = subprocess.Popen(site, process_group=0)
        self.worker = subprocess.Popen(worker_command(), env=flags.to_environment(), process_group=0)
        self.stop = threading.Event()

    def run(self) -> int:
        """Wait for a signal, or for one of the two to end by itself."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stop.set())
        while not self.stop.wait(0.2) and self.site.poll() is None and self.worker.poll() is None:
            pass
        asked = self.stop.is_set()
        statuses = [self._end(self.site, signal.SIGTERM), self._end(self.worker, signal.SIGTERM)]
        return 0 if asked else next((status for status in statuses if status), 0)

    @staticmethod
    def _end(process: subprocess.Popen[bytes], sign: int) -> int:
        if process.poll() is None:
            os.killpg(process.pid, sign)
        try:
            return process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait()


def _develops() -> bool:
    """Return whether the site should reload changed code: on a terminal, as ``runserver`` does by itself."""
    return sys.stdin.isatty()
