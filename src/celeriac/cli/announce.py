"""The start-up text of a worker: what is connected, what it serves, how to stop it. At most 12 lines."""

from __future__ import annotations

import os
import sys

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.options import WorkerOptions

WIDTH = 110


def lines(options: WorkerOptions, info: WorkerInfo) -> list[str]:
    """Return the text."""
    unit = {"prefork": "child processes", "threads": "threads", "asyncio": "coroutines and threads", "solo": "job at a time"}[
        options.pool
    ]
    text = [
        f"celeriac {info.version}  worker {info.name}  pid {info.pid}",
        *options.summary[:6],
        f"  queues  {shortened(options.queues)}",
        f"  tasks   {len(options.tasks)}: {shortened(options.tasks)}" if options.tasks else "  tasks   none found",
        f"  pool    {options.pool}, {options.concurrency} {unit}",
        "  stop    Ctrl-C finishes what runs; Ctrl-C twice stops at once",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        text.append("  warning running as root: jobs may do anything to this machine. Run the worker as a user of its own.")
    return text


def shortened(names: list[str]) -> str:
    """Return names separated by commas, as many as fit a line."""
    shown = ""
    for index, name in enumerate(names):
        if len(shown) + len(name) > WIDTH:
            return f"{shown}, and {len(names) - index} more"
        shown += (", " if shown else "") + name
    return shown


def announce(options: WorkerOptions, info: WorkerInfo) -> None:
    """Print the text."""
    print("\n".join(lines(options, info)), file=sys.stderr, flush=True)  # noqa: T201 - meant for the person who started it
