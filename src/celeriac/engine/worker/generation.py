"""One template process and what was forked from it, as the master sees them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from celeriac.engine.ipc.channel import Channel
from celeriac.engine.ipc.slots import SlotTable
from celeriac.engine.options import WorkerOptions


class Process:
    """A keeper or a child.

    ``killed_for`` are the verdicts it was killed over; ``obey_by`` when it must have obeyed a cancel.
    """

    def __init__(self, role: str, id: str, slot: int, channel: Channel, generation: Generation) -> None:
        self.role = role
        self.id = id
        self.slot = slot
        self.channel = channel
        self.generation = generation
        self.pid = 0
        self.ready = False
        self.draining = False
        self.silent = False
        self.charge = True
        self.born = time.monotonic()
        self.killed_for: list[dict[str, Any]] = []
        self.obey_by: dict[tuple[int, int], tuple[float, dict[str, Any]]] = {}


class Generation:
    """A template and its processes. A reload makes a new generation; the old one drains and ends."""

    def __init__(self, command: Sequence[str]) -> None:
        self.channel, theirs = Channel.pair()
        with theirs:
            self.popen = subprocess.Popen([*command, str(theirs.fileno())], pass_fds=[theirs.fileno()], close_fds=True)
        self.options: WorkerOptions | None = None
        self.processes: dict[str, Process] = {}
        self.pids: dict[int, Process] = {}
        self.gone = False
        self.reported = False

    @property
    def children(self) -> list[Process]:
        """The children forked from this template."""
        return [process for process in self.processes.values() if process.role == "child"]

    @property
    def keeper(self) -> Process | None:
        """The keeper, where this template has forked it."""
        return next((process for process in self.processes.values() if process.role == "keeper"), None)

    def learn(self, options: dict[str, Any], slots: SlotTable | None) -> WorkerOptions:
        """The template is ready: these are the worker's options."""
        self.options = msgspec.convert(options, WorkerOptions)
        if slots is not None:
            self.share(slots)
        return self.options

    def share(self, slots: SlotTable) -> None:
        """Give the template the shared memory."""
        self.channel.send({"slots": slots.slots}, [slots.descriptor])

    def fork(self, process_role: str, id: str, slot: int, **message: Any) -> Process:
        """Ask for a process. Its pid arrives as a message."""
        channel, theirs = Channel.pair()
        process = Process(process_role, id, slot, channel, self)
        self.processes[id] = process
        with theirs:
            self.channel.send({"fork": process_role, "id": id, "slot": slot, **message}, [theirs.fileno()])
        return process

    def forked(self, id: str, pid: int) -> Process:
        """The process has this pid."""
        process = self.processes[id]
        process.pid = pid
        self.pids[pid] = process
        return process

    def exited(self, pid: int) -> Process | None:
        """A process has ended; forget it."""
        process = self.pids.pop(pid, None)
        if process is not None:
            del self.processes[process.id]
            process.channel.close()
        return process

    def end(self) -> None:
        """Let the template exit."""
        self.channel.send({"exit": True})
