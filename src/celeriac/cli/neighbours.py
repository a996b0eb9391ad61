"""Other workers of the same project on this host: no mistake, and yet often one that somebody forgot."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime

from celeriac.cli.pidfile import lives
from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.translation import gettext as _


def on_this_host(workers: Sequence[WorkerInfo]) -> list[WorkerInfo]:
    """Return those that run here, without our own. One that was killed keeps its lease for some seconds: it is not there."""
    ours = (os.getpid(), os.getppid())  # the worker's pid is its master's, and the template that asks is a child of that
    here = socket.gethostname()
    others = [worker for worker in workers if worker.host == here and worker.pid not in ours and worker.pool != "beat"]
    return [worker for worker in others if lives(worker.pid)]


def announced(workers: Sequence[WorkerInfo]) -> list[str]:
    """Return the line of the start-up text that names them; none where there are none."""
    found = sorted(on_this_host(workers), key=lambda worker: worker.started or 0.0)
    if not found:
        return []
    first = found[0]
    started = datetime.fromtimestamp(first.started or 0.0, UTC).astimezone()
    if len(found) == 1:
        text = _("another worker of this project runs here (pid {pid}, started {started:%Y-%m-%d %H:%M:%S})")
    else:
        text = _("{count} others of this project run here (the first: pid {pid}, started {started:%Y-%m-%d %H:%M:%S})")
    return ["  beside  " + text.format(count=len(found), pid=first.pid, started=started)]
