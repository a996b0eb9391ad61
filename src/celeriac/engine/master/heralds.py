"""The worker's herald, where the project wants one: forked when the worker is ready, told of its end, the last to go."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence

from celeriac.engine.ipc.channel import ChannelClosed
from celeriac.engine.master.generation import Generation, Process
from celeriac.engine.master.processes import Processes
from celeriac.engine.worker.herald import PATIENCE

logger = logging.getLogger("celeriac.master")


class Heralds:
    """One for each generation: after a reload the old one goes before the new one comes. Owned by the master."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._ready: Generation | None = None
        """The newest generation of which a child takes jobs."""
        self._forked: Generation | None = None
        self._kill_at = 0.0

    @property
    def _all(self) -> list[Process]:
        return [process for process in self._processes.all if process.role == "herald"]

    def child_is_ready(self, child: Process) -> None:
        """A child takes jobs. The first of its generation to say so makes the worker ready."""
        if child.generation is self._processes.current:
            self._ready = child.generation

    def look(self) -> None:
        """Part with a herald of old code, and fork one of the new."""
        for process in self._all:
            if process.generation is not self._processes.current:
                self._dismiss(process)
        self._kill_late()
        if self._ready is not self._forked and self._ready is self._processes.current and not self._all:
            self._fork()

    def _fork(self) -> None:
        generation = self._forked = self._ready
        if generation is None or generation.options is None or not generation.options.herald:
            return
        try:
            generation.fork("herald", uuid.uuid4().hex, 0)
        except ChannelClosed:
            return  # the template is gone; a new generation brings its own

    def jobs_were_killed(self, numbers: Sequence[int]) -> None:
        """These jobs have ended with their child, which was killed over them: no attempt of theirs could say so."""
        for process in self._all:
            for number in numbers:
                process.tell({"killed": number})

    def worker_stops(self, signal: str, how: str, exit_code: int) -> None:
        """Somebody asked for the end of the worker."""
        for process in self._all:
            process.tell({"stopping": {"signal": signal, "how": how, "exit_code": exit_code}})

    def have_gone(self) -> bool:
        """Let the heralds tell the end of the worker, once all else is over. Returns whether they have done so."""
        for process in self._all:
            self._dismiss(process)
        self._kill_late()
        return not self._all

    def _dismiss(self, process: Process) -> None:
        if not process.draining:
            process.draining = True
            self._kill_at = time.monotonic() + PATIENCE
            process.tell({"stop": True})

    def _kill_late(self) -> None:
        late = [process for process in self._all if process.draining and process.pid and time.monotonic() > self._kill_at]
        for process in late:
            logger.warning("A receiver of worker_shutdown has not returned within %.0f s; its process is killed.", PATIENCE)
            process.kill()
            self._kill_at = time.monotonic() + PATIENCE
