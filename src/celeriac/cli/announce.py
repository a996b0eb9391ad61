"""The start-up text of a worker: what is connected, what it serves, how to stop it. 12 lines, and the periodic tasks."""

from __future__ import annotations

import os
import sys

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.options import WorkerOptions
from celeriac.engine.translation import gettext as _
from celeriac.engine.translation import take_language_from

WIDTH = 110


def lines(options: WorkerOptions, info: WorkerInfo) -> list[str]:
    """Return the text."""
    pool = {
        "prefork": _("prefork, {n} child processes"),
        "threads": _("threads, {n} threads"),
        "asyncio": _("asyncio, {n} coroutines and threads"),
        "solo": _("solo, {n} job at a time"),
    }[options.pool]
    text = [
        f"celeriac {info.version}  worker {info.name}  pid {info.pid}",
        *options.summary[:6],
        _("  queues  {names}").format(names=shortened(options.queues)),
        _("  tasks   {n}: {names}").format(n=len(options.tasks), names=shortened(options.tasks))
        if options.tasks
        else _("  tasks   none found"),
        _("  pool    {pool}").format(pool=pool.format(n=options.concurrency)),
        *options.schedule,
        _("  stop    Ctrl-C finishes what runs; Ctrl-C twice stops at once"),
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        text.append(_("  warning running as root: jobs may do anything to this machine. Run the worker as a user of its own."))
    return text


def shortened(names: list[str]) -> str:
    """Return names separated by commas, as many as fit a line."""
    shown = ""
    for index, name in enumerate(names):
        if len(shown) + len(name) > WIDTH:
            return _("{shown}, and {n} more").format(shown=shown, n=len(names) - index)
        shown += (", " if shown else "") + name
    return shown


def announce(options: WorkerOptions, info: WorkerInfo) -> None:
    """Print the text, and speak the project's language from here on."""
    take_language_from(lambda: options.language)
    print("\n".join(lines(options, info)), file=sys.stderr, flush=True)  # noqa: T201 - meant for the person who started it
