"""A worker in one process: bodies in this thread (or in pool threads), the keeper in a thread beside it.

For ``--pool solo``, for systems that cannot fork, and for tests. What needs another process is missing: a hard time limit
cannot kill, and a task that never lets go of the GIL keeps the keeper from renewing the lease.
"""

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
from celeriac.engine.job import Token
from celeriac.engine.keeper.keeper import Keeper
from celeriac.engine.options import WorkerOptions
from celeriac.engine.worker.child import Child
from celeriac.engine.worker.herald import Herald, HeraldThread
from celeriac.engine.worker.project import Project
from celeriac.engine.worker.pulse import pulse
from celeriac.engine.worker.sidethreads import side_threads

EXIT_OK, EXIT_COLD, EXIT_DEAD = 0, 2, 3


class Solo:
    """One worker in this process. ``stop`` may be called from any thread; everything else belongs to the one that runs it."""

    def __init__(self, project: Project, version: str = "") -> None:
        self.project = project
        options: WorkerOptions = project.options
        self.info = WorkerInfo(
            id=uuid.uuid4().hex, name=options.name, host=socket.gethostname(), pid=os.getpid(), pool=options.pool,
            concurrency=options.concurrency, queues=options.queues, version=version,
        )  # fmt: skip
        self.slots = local_slot()
        self.child = Child(project, self.info.id, uuid.uuid4().hex, self.slots.writer(0), None)
        self.joined = threading.Event()
        self.keeper = Keeper(
            project.connect(), self.info, options, self.slots, None, SystemClock(), self._hear_keeper, project.follow_failure
        )
        self.keeper.children[self.child.id] = 0
        self._thread = threading.Thread(target=self._keep, name="celeriac-keeper", daemon=True)

    def run(self, ready: Callable[[], None] | None = None) -> bool:
        """Work until stopped. Returns False where the broker had declared this worker dead: somebody should start it anew."""
        self._thread.start()
        while not self.joined.wait(0.2):  # in steps, between which Windows hears a Ctrl-C
            if not self._thread.is_alive():
                return False
        if ready is not None:
            ready()
        try:
            ended = self.child.run()
        finally:
            self.keeper.stopping = True
            self._thread.join(10)
        return ended != "dead" and not self.keeper.dead

    def stop(self) -> None:
        """Finish what runs, give back the rest, end ``run``."""
        self.slots.drain(0)
        self.child.poke()

    def _keep(self) -> None:
        with side_threads(self.project, self.info):
            self.keeper.run(joined=False)

    def _hear_keeper(self, message: dict[str, Any]) -> None:
        if "joined" in message:
            self.joined.set()
        elif "cancel" in message:
            self.child.cancel(Token(message["number"], self.child.id, message["delivery"]))
        elif "dead" in message:
            self.stop()


def run_solo(project: Project, announce: Callable[[WorkerOptions, WorkerInfo], None], version: str) -> int:
    """Run a worker in this process until INT or TERM; a second INT ends it at once, and its jobs run again elsewhere."""
    project.started("child")
    solo = Solo(project, version)
    herald = HeraldThread(Herald(project, solo.slots.last_beat), project.options.herald)
    stops: list[int] = []

    def stop(number: int, frame: object) -> None:
        # The one handler that does more than write to a pipe: it marks shared memory and wakes others, all safe anywhere.
        if stops:
            os._exit(EXIT_COLD)
        stops.append(number)
        herald.tell({"stopping": {"signal": signal.Signals(number).name, "how": "Warm", "exit_code": EXIT_OK}})
        solo.stop()

    def ready() -> None:
        announce(project.options, solo.info)
        herald.start()

    def state() -> str:
        return "stopping" if stops else "ready" if solo.joined.is_set() else "starting"

    _catch(stop)
    with pulse(project.options.name, solo.slots.last_beat, state):
        alive = solo.run(ready)
    project.leaving("child")
    herald.stop()
    return EXIT_OK if alive else EXIT_DEAD


def _catch(stop: Callable[[int, Any], None]) -> None:
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):  # Ctrl-Break is how one process stops another on Windows
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
