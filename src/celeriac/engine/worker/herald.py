"""The herald: tells the project what becomes of the worker, while master and keeper go on.

These two run nothing of the project, so that nothing of it can stop them. Who wants to hear of the worker as a whole (that it
is ready, alive, about to stop, over), or of a job whose child was killed, is told here, in a process forked for it; a worker of
one process has a thread. What a listener starts when the worker is ready, such as a server for probes, lives here until the
worker ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from celeriac.engine.ipc.channel import Channel, ChannelClosed
from celeriac.engine.ipc.ready import ready

if TYPE_CHECKING:  # the master knows the herald, and has no use for all that a project needs
    from celeriac.engine.worker.project import Project

BEAT = 2.0
"""Seconds between two signs of life that are told."""
PATIENCE = 5.0
"""Seconds that listeners have to hear of the worker's end."""


class Herald:
    """Turns messages into words to the project. ``last_beat`` returns when the keeper last showed a sign of life."""

    def __init__(self, project: Project, last_beat: Callable[[], float]) -> None:
        self._project = project
        self._last_beat = last_beat
        self._beat = 0.0

    def begin(self) -> None:
        """The worker takes jobs."""
        self._project.tell("ready")

    def obey(self, message: dict[str, Any]) -> bool:
        """Tell what a message says. Returns False for the last one."""
        if "killed" in message:
            self._project.tell("killed", number=message["killed"])
        if "stopping" in message:
            self._project.tell("stopping", **message["stopping"])
        if "stop" in message:
            self._project.tell("stopped")
            return False
        return True

    def beat(self) -> None:
        """Tell that the worker is alive, if its keeper is."""
        beat = self._last_beat()
        if beat != self._beat:
            self._beat = beat
            self._project.tell("alive")


def run_herald(herald: Herald, master: Channel) -> None:
    """Be the herald's process: until the master says so, or is gone."""
    herald.begin()
    goes_on = True
    while goes_on:
        if not ready([master], BEAT):
            herald.beat()
            continue
        try:
            messages = master.receive()
        except ChannelClosed:
            messages = [{"stop": True}]
        for message in messages:
            goes_on = herald.obey(message) and goes_on


class HeraldThread:
    """The herald of a worker of one process. ``tell`` may be called in a signal handler: such a queue is made for that."""

    def __init__(self, herald: Herald, wanted: bool) -> None:
        self._herald = herald
        self._wanted = wanted
        self._messages: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="celeriac-herald", daemon=True)
        self.tell = self._messages.put

    def start(self) -> None:
        """The worker is about to take jobs: told here and now, before the first of them begins.

        Without anybody who wants to hear of it, nothing is told or started.
        """
        if self._wanted:
            self._herald.begin()
            self._thread.start()

    def stop(self) -> None:
        """Tell the end, and wait until that was told."""
        if self._thread.ident is not None:
            self.tell({"stop": True})
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            try:
                goes_on = self._herald.obey(self._messages.get(timeout=BEAT))
            except Empty:
                self._herald.beat()
