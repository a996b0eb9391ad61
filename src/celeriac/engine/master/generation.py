"""One template process and what was forked from it, as the master sees them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from celeriac.engine.ipc.channel import Channel, ChannelClosed
from celeriac.engine.ipc.slots import Running, SlotTable
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
        self.draining = False
        self.silent = False
        self.charge = True
        self.born = time.monotonic()
        self.killed_for: list[dict[str, Any]] = []
        self.obey_by: dict[tuple[int, int], tuple[float, dict[str, Any]]] = {}

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message, where there is somebody to hear it."""
        try:
            self.channel.send(message)
        except ChannelClosed:
            return  # it has ended; that is noticed elsewhere

    def signal(self, number: int) -> None:
        """Send a signal, where the process is known to run."""
        if self.pid:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return  # it was faster

    def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)

    def drain(self) -> None:
        """Have a child finish what it runs, give back the rest, and leave."""
        assert self.generation.slots is not None
        self.draining = True
        self.generation.slots.drain(self.slot)
        self.tell({"stop": True})

    def running(self) -> list[Running]:
        """Return what a child runs now."""
        assert self.generation.slots is not None
        return self.generation.slots.running(self.slot)


class Generation:
    """A template and its processes. A reload makes a new generation; the old one drains and ends."""

    def __init__(self, command: Sequence[str]) -> None:
        self.channel, theirs = Channel.pair()
        with theirs:
            self.popen = subprocess.Popen([*command, str(theirs.fileno())], pass_fds=[theirs.fileno()], close_fds=True)
        self.options: WorkerOptions | None = None
        self.slots: SlotTable | None = None
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

    def learn(self, options: dict[str, Any]) -> WorkerOptions:
        """The template is ready: these are the worker's options."""
        self.options = msgspec.convert(options, WorkerOptions)
        return self.options

    def share(self, slots: SlotTable) -> None:
        """Give the template the shared memory. Raises ``ChannelClosed``."""
        self.slots = slots
        self.channel.send({"slots": slots.slots}, [slots.descriptor])

    def fork(self, process_role: str, id: str, slot: int, **message: Any) -> Process:
        """Ask for a process. Its pid arrives as a message. Raises ``ChannelClosed``."""
        channel, theirs = Channel.pair()
        process = Process(process_role, id, slot, channel, self)
        self.processes[id] = process
        try:
            with theirs:
                self.channel.send({"fork": process_role, "id": id, "slot": slot, **message}, [theirs.fileno()])
        except ChannelClosed:
            self.forget(process)
            raise
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
            self.forget(process)
        return process

    def forget(self, process: Process) -> None:
        """A process is no more, or never came to be."""
        del self.processes[process.id]
        process.channel.close()

    def end(self) -> None:
        """Let the template exit."""
        try:
            self.channel.send({"exit": True})
        except ChannelClosed:
            return  # it has ended by itself
