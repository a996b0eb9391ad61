"""Every process of the worker, as the master knows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celeriac.engine.master.generation import Generation, Process


class Processes:
    """The generations in the order of their start, the newest last. Owned by the master."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self.generations: list[Generation] = []

    def start(self) -> Generation:
        """Start a template: a new generation."""
        generation = Generation(self._command)
        self.generations.append(generation)
        return generation

    @property
    def current(self) -> Generation | None:
        """The newest generation whose template is ready and alive: the one to fork from."""
        return next((g for g in reversed(self.generations) if g.options is not None and not g.gone), None)

    @property
    def keeper(self) -> Process | None:
        """The keeper in charge: the newest."""
        return next((g.keeper for g in reversed(self.generations) if g.keeper is not None), None)

    @property
    def all(self) -> list[Process]:
        """Every process that was forked from a template."""
        return [process for generation in self.generations for process in generation.processes.values()]

    @property
    def children(self) -> list[Process]:
        """Every child that was asked for, also one whose pid the template has not told yet."""
        return [process for process in self.all if process.role == "child"]

    @property
    def running_children(self) -> list[Process]:
        """The children that are known to run."""
        return [process for process in self.children if process.pid]

    def tell_keeper(self, message: dict[str, Any]) -> None:
        """Send a message to the keeper in charge, if there is one."""
        keeper = self.keeper
        if keeper is not None:
            keeper.tell(message)

    def kill_templates(self) -> None:
        """End all at once: on Linux what was forked from a template dies with it."""
        for generation in self.generations:
            generation.popen.kill()
