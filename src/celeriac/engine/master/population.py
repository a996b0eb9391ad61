"""Who should be there: one keeper, and as many children as the options say. Whoever is missing is forked."""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from typing import Any

import msgspec

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.ipc.channel import ChannelClosed
from celeriac.engine.ipc.slots import SlotTable
from celeriac.engine.master.crashloop import CrashLoop
from celeriac.engine.master.generation import Generation, Process
from celeriac.engine.master.processes import Processes
from celeriac.engine.master.rescues import Rescues
from celeriac.engine.options import WorkerOptions

logger = logging.getLogger("celeriac.master")

KEEPER_SILENCE = 20.0
"""Seconds without a sign of life after which the keeper is replaced. Its every wait on the broker is shorter."""


class Population:
    """The worker's name at the broker, and the slots of its children. Owned by the master.

    A slot is free, a child's, or a dead child's until the keeper has rescued its jobs; then free again.
    """

    def __init__(self, processes: Processes, crash_loop: CrashLoop) -> None:
        self._processes = processes
        self._crash_loop = crash_loop
        self._slots: SlotTable | None = None
        self._free: list[int] = []
        self.rescues = Rescues(processes)
        self.worker = uuid.uuid4().hex
        self.joined = False

    @property
    def is_equipped(self) -> bool:
        """Whether a template has ever been ready."""
        return self._slots is not None

    def equip(self, generation: Generation, options: WorkerOptions) -> None:
        """Give a template the shared memory, whose size the options of the first one decide. Raises ``ChannelClosed``."""
        if self._slots is None:
            self._slots = SlotTable.create(4 * options.processes + 8)
            self._free = list(range(self._slots.slots))
        generation.share(self._slots)

    def info(self, options: WorkerOptions) -> WorkerInfo:
        """Return what the broker is told of this worker."""
        from celeriac import __version__  # a constant; the package's import is light

        return WorkerInfo(
            id=self.worker, name=options.name, host=socket.gethostname(), pid=os.getpid(), pool=options.pool,
            concurrency=options.concurrency, queues=options.queues, version=__version__,
        )  # fmt: skip

    # -- the keeper ----------------------------------------------------------------------------------------------------------

    def fork_keeper(self) -> None:
        """Fork a keeper from the newest template. It takes the place of the one before."""
        generation = self._processes.current
        if generation is None or generation.options is None or self._slots is None:
            return  # the template is gone; a new one brings its own keeper
        self._slots.beat(time.monotonic())
        info = msgspec.to_builtins(self.info(generation.options))
        self._fork(generation, "keeper", 0, worker=info, joined=self.joined)

    def watch_keeper(self) -> None:
        """Replace a keeper that hangs."""
        keeper = self._processes.keeper
        if keeper is None or not keeper.pid or self._slots is None:
            return
        if time.monotonic() - self._slots.last_beat() > KEEPER_SILENCE:
            logger.error("The keeper (pid %d) has shown no sign of life for %.0f s; replacing it.", keeper.pid, KEEPER_SILENCE)
            self._slots.beat(time.monotonic())
            keeper.kill()

    def keeper_joined(self) -> None:
        """The worker is known to the broker, and its keeper ready. A new keeper is told what the one before knew."""
        self.joined = True
        for process in self._processes.children:
            self._processes.tell_keeper({"child": process.id, "slot": process.slot})
        self.rescues.repeat()

    def declared_dead(self) -> None:
        """Others have our jobs. Stop everything that may still run one, and begin again under a new name."""
        self.worker, self.joined = uuid.uuid4().hex, False
        self._free += self.rescues.abandon()
        for process in self._processes.children:
            process.charge = False
            process.kill()

    # -- the children --------------------------------------------------------------------------------------------------------

    def replenish(self) -> None:
        """Fork the children that are missing."""
        generation = self._processes.current
        if not self.joined or self._processes.keeper is None or self._crash_loop.pausing:
            return
        if generation is None or generation.options is None:
            return
        serving = sum(1 for process in generation.children if not process.draining)
        for _ in range(generation.options.processes - serving):
            if not self._free:
                return  # the keeper still has dead children's slots to read
            self._fork_child(generation)

    def rescued(self, child: str) -> None:
        """The keeper has given a dead child's jobs to the living."""
        slot = self.rescues.answered(child)
        if slot is not None:
            self._free.append(slot)

    def _fork_child(self, generation: Generation) -> None:
        assert self._slots is not None
        slot = self._free.pop(0)
        self._slots.clear(slot)
        process = self._fork(generation, "child", slot, worker=self.worker)
        if process is None:
            self._free.append(slot)
        else:
            self._processes.tell_keeper({"child": process.id, "slot": slot})

    @staticmethod
    def _fork(generation: Generation, role: str, slot: int, **message: Any) -> Process | None:
        try:
            return generation.fork(role, uuid.uuid4().hex, slot, **message)
        except ChannelClosed:
            return None  # the template is gone; a new generation will ask again
