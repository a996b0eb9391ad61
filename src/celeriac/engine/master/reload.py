"""Changed code, without a gap: a second template loads it, and only when it has done so does the first one's work end."""

from __future__ import annotations

import logging

from celeriac.engine.master.generation import Generation
from celeriac.engine.master.processes import Processes

logger = logging.getLogger("celeriac.master")


class Reload:
    """The reload that is under way, if one is. Owned by the master."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._loading: Generation | None = None

    def begin(self) -> None:
        """Load the changed code beside the old, unless that is being done."""
        if self._loading is None:
            logger.warning("Reloading: the changed code is loaded beside the old, then the old children finish.")
            self._loading = self._processes.start()

    def failed(self, generation: Generation) -> None:
        """A template could not load its code. Nothing has changed for the one before."""
        if generation is self._loading:
            logger.error("The changed code cannot be loaded; the worker goes on with the old one.")
            self._loading = None

    def loaded(self, generation: Generation) -> None:
        """A template is ready. If it is ours, the old keeper goes without leaving, and the old children drain."""
        if generation is not self._loading:
            return
        self._loading = None
        for process in self._processes.all:
            if process.generation is generation:
                continue
            if process.role == "keeper":
                process.kill()
            elif process.role == "child":
                process.drain()
