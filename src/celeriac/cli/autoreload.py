"""``--autoreload``: an outer process that runs the worker and sends it HUP when a Python file of the project changes.

It looks at the files' times once a second. The worker loads the changed code in a new template; if that fails, it goes on
with the old.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from celeriac.cli.worker import Flags, worker_command

EVERY = 1.0
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
    worker = subprocess.Popen(worker_command(), env=flags.to_environment(), process_group=0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, lambda sign, _: worker.send_signal(sign))
    folder = Path.cwd()
    seen = snapshot(folder)
    while worker.poll() is None:
        time.sleep(EVERY)
        now = snapshot(folder)
        if now != seen:
            seen = now
            worker.send_signal(signal.SIGHUP)
    return worker.returncode
