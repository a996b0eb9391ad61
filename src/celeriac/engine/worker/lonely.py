"""A keeper without children: it rescues, promotes, prunes and ticks, and runs no job."""

from __future__ import annotations

import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable
from typing import Any

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.clock import SystemClock
from celeriac.engine.ipc.slots import local_slot
from celeriac.engine.keeper.keeper import Keeper
from celeriac.engine.options import WorkerOptions
from celeriac.engine.worker.project import Project
from celeriac.engine.worker.pulse import pulse
from celeriac.engine.worker.sidethreads import side_threads

EXIT_OK, EXIT_DEAD = 0, 3
POOL = "beat"


def run_lonely(project: Project, announce: Callable[[WorkerOptions, WorkerInfo], None], version: str) -> int:
    """Keep until INT or TERM. Returns the exit status; one other than 0 where it lost its lease, and should be started anew."""
    options: WorkerOptions = project.options
    info = WorkerInfo(
        id=uuid.uuid4().hex, name=options.name, host=socket.gethostname(), pid=os.getpid(), pool=POOL, concurrency=0, queues=[],
        version=version,
    )  # fmt: skip
    project.started("keeper")

    slots, joined = local_slot(), threading.Event()

    def hear(message: dict[str, Any]) -> None:
        if "joined" in message:
            joined.set()
            announce(options, info)

    keeper = Keeper(project.connect(), info, options, slots, None, SystemClock(), hear, project.follow_failure)

    def stop(number: int, frame: object) -> None:
        keeper.stopping = True

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)

    def state() -> str:
        return "stopping" if keeper.stopping else "ready" if joined.is_set() else "starting"

    with pulse(options.name, slots.last_beat, state), side_threads(project, info):
        keeper.run(joined=False)
    project.leaving("keeper")
    return EXIT_DEAD if keeper.dead else EXIT_OK
