"""``--autoreload``: an outer process that runs the worker, and has it load the code anew when a file of the project changes.

It looks at the files' times once a second. On HUP the worker loads the changed code in a new template; if that fails, it goes
on with the old. A worker of one process, which cannot do that, is stopped and started anew.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from celeriac.cli import processgroup
from celeriac.cli.worker import Flags, has_master, worker_command

EVERY = 1.0
GRACE = 60.0
"""Seconds that the jobs of a worker of one process may take to finish before it is started anew."""
SKIP = frozenset({"node_modules", "site-packages", "__pycache__", "static", "media"})


def python_files(folder: Path) -> Iterator[Path]:
    """Yield the project's own Python files: no hidden folders, no virtual environments."""
    for name, folders, files in os.walk(folder):
        folders[:] = [
            f for f in folders if f not in SKIP and not f.startswith(".") and not (Path(name, f) / "pyvenv.cfg").exists()
        ]
        yield from (Path(name, file) for file in files if file.endswith(".py"))


def snapshot(folder: Path) -> dict[Path, float]:
    """Return when each file was changed last."""
    times = {}
    for path in python_files(folder):
        try:
            times[path] = path.stat().st_mtime
        except FileNotFoundError:
            continue  # it was removed while we looked
    return times


def run_reloading(flags: Flags) -> int:
    """Run the worker under watch until it ends. Returns its exit status. INT and TERM are passed on to it."""
    watched = Watched(flags)
    for number in processgroup.STOP_SIGNALS:
        signal.signal(number, watched.stop)
    folder = Path.cwd()
    seen = snapshot(folder)
    while watched.worker.poll() is None:
        time.sleep(EVERY)
        now = snapshot(folder)
        if now != seen:
            seen = now
            watched.reload()
    return watched.worker.returncode


class Watched:
    """The worker that is watched."""

    def __init__(self, flags: Flags) -> None:
        self.flags = flags
        self.stopping = False
        self.worker = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return processgroup.start(worker_command(), self.flags.to_environment())

    def stop(self, number: int, frame: object) -> None:
        """Pass the signal on: the worker knows what a second one means."""
        self.stopping = True
        processgroup.pass_on(self.worker, number)

    def reload(self) -> None:
        """Have it load the changed code."""
        if self.stopping:
            return
        if has_master(self.flags):
            processgroup.pass_on(self.worker, signal.SIGHUP)
        elif self.worker.poll() is None:
            processgroup.stop(self.worker, GRACE)
            if not self.stopping:
                self.worker = self._start()
