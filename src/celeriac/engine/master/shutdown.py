"""The end of a worker: warm (running jobs finish) or cold (they are given back), in order."""

from __future__ import annotations

import logging
import time

from celeriac.engine.master.heralds import Heralds
from celeriac.engine.master.processes import Processes

logger = logging.getLogger("celeriac.master")

EXIT_OK, EXIT_FAILED, EXIT_COLD = 0, 1, 2
COLD_STOP = 5.0
"""Seconds that a cold stop may take before even the templates are killed."""


class Shutdown:
    """How far the end has come. Owned by the master."""

    def __init__(self, processes: Processes, heralds: Heralds) -> None:
        self._processes = processes
        self._heralds = heralds
        self._cold_by = 0.0
        self.begun = False
        self.cold = False
        self.exit_code = EXIT_OK

    def fail(self) -> None:
        """The project could not be imported: there is nothing to run."""
        self.begun, self.exit_code = True, EXIT_FAILED

    def stop_warm(self, signal: str) -> None:
        """Let running jobs finish and give back the others, because of a signal."""
        if self.begun:
            return
        logger.warning("Stopping: running jobs finish, the others go back. Ctrl-C once more stops at once.")
        self.begun = True
        self._heralds.worker_stops(signal, "Warm", EXIT_OK)
        for process in self._processes.children:
            process.drain()

    def stop_cold(self, signal: str) -> None:
        """Kill what runs, because of a signal. The keeper gives its jobs back, uncharged."""
        logger.warning("Stopping at once: running jobs are given back and run again elsewhere.")
        self.begun = self.cold = True
        self.exit_code = EXIT_COLD
        self._heralds.worker_stops(signal, "Cold", EXIT_COLD)
        self._cold_by = time.monotonic() + COLD_STOP
        for process in self._processes.children:
            process.charge = False
            process.kill()

    def advance(self, rescuing: bool) -> None:
        """Take the next step when it is time: children first, then the keeper, the herald, the templates.

        ``rescuing`` says that the keeper has still to give a dead child's jobs to the living.
        """
        keeper = self._processes.keeper
        if self.cold and time.monotonic() > self._cold_by:
            self._processes.kill_templates()
        elif self._processes.children or (rescuing and keeper is not None):
            return
        elif keeper is not None:
            if not keeper.draining:
                keeper.draining = True
                keeper.tell({"stop": True})
        elif self._heralds.have_gone():
            for generation in self._processes.generations:
                if not generation.gone:
                    generation.end()
