"""The template: imports the project once, then forks keeper, children and herald from it on the master's word.

Single-threaded, and it forks from its main thread, because PDEATHSIG fires when the forking *thread* ends. After the import it
runs nothing of the project, so it holds no connection and no lock that a fork would copy.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.clock import SystemClock
from celeriac.engine.errors import CeleriacError
from celeriac.engine.ipc.channel import Channel, ChannelClosed
from celeriac.engine.ipc.slots import SlotTable
from celeriac.engine.keeper.keeper import Keeper
from celeriac.engine.options import WorkerOptions
from celeriac.engine.translation import gettext as _
from celeriac.engine.worker.child import Child, ignore_terminal_signals
from celeriac.engine.worker.herald import Herald, run_herald
from celeriac.engine.worker.linux import die_with_parent, set_title
from celeriac.engine.worker.project import Project
from celeriac.engine.worker.sidethreads import side_threads
from celeriac.engine.worker.signalpipe import SignalPipe

EXIT_DEAD = 3
"""Exit status of a child that the broker declared dead."""


def serve(channel: Channel, load: Callable[[], Project]) -> None:
    """Load the project, report, then fork what the master asks for until it says to exit or is gone."""
    die_with_parent(os.getppid())
    ignore_terminal_signals()
    try:
        project = load()
        refuse_threads()
    except CeleriacError as error:
        channel.send({"failed": str(error)})
        return
    except Exception:  # noqa: BLE001 - any error of the project's own modules is shown whole
        channel.send({"failed": traceback.format_exc()})
        return
    gc.collect()
    gc.freeze()
    set_title(f"celeriac: template {project.options.name}")
    channel.send({"ready": msgspec.to_builtins(project.options)})
    Template(channel, project).run()


def refuse_threads() -> None:
    """Raise when the project's imports left threads behind: a fork copies their locks but not them."""
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        raise CeleriacError(
            _(
                "Importing the project started threads ({others}), and processes cannot be forked beside threads"
                " safely. Start them in each child instead, in a receiver of the signal worker_process_init; or run"
                " the worker with --pool solo."
            ).format(others=", ".join(others))
        )


class Template:
    """The loop of the template process."""

    def __init__(self, channel: Channel, project: Project) -> None:
        self.channel = channel
        self.project = project
        self.slots: SlotTable | None = None
        self.running = True
        self.signals = SignalPipe()

    def run(self) -> None:
        """Serve until told to exit."""
        self.signals.catch([signal.SIGCHLD])
        try:
            while self.running:
                self._turn()
        except ChannelClosed:
            pass  # the master is gone, and with it all there is to do
        finally:
            self.signals.release()

    def _turn(self) -> None:
        waits: list[Any] = [self.channel, self.signals]
        ready = select.select(waits, [], [])[0]
        if self.signals in ready:
            self.signals.receive()
            self._reap()
        if self.channel in ready:
            self._hear()

    def _hear(self) -> None:
        for message in self.channel.receive():
            if "slots" in message:
                self.slots = SlotTable(self.channel.descriptors.pop(0), message["slots"])
            elif "fork" in message:
                self._fork(message)
            elif "exit" in message:
                self.running = False

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.channel.send({"exited": pid, "status": os.waitstatus_to_exitcode(status)})

    def _fork(self, message: dict[str, Any]) -> None:
        descriptor = self.channel.descriptors.pop(0)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(message, descriptor, parent)
        os.close(descriptor)
        self.channel.send({"forked": message["id"], "pid": pid})

    def _become(self, message: dict[str, Any], descriptor: int, parent: int) -> None:
        """In the new process: be what was asked for, then end without the template's clean-up."""
        status = 1
        try:
            self.signals.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            die_with_parent(parent)
            self.channel.close()
            assert self.slots is not None
            master = Channel(socket.socket(fileno=descriptor))
            status = start(message, self.project, self.slots, master)
        except BaseException:  # noqa: BLE001 - the process ends here; what ended it is written down
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def start(message: dict[str, Any], project: Project, slots: SlotTable, master: Channel) -> int:
    """Run the role that ``message`` names to its end; return the exit status."""
    role = message["fork"]
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, all_threads=True)
    project.started(role)
    try:
        if role == "keeper":
            return run_keeper(message, project, slots, master)
        if role == "herald":
            set_title(f"celeriac: herald {project.options.name}")
            run_herald(Herald(project, slots.last_beat), master)
            return 0
        return run_child(message, project, slots, master)
    finally:
        project.leaving(role)


def run_keeper(message: dict[str, Any], project: Project, slots: SlotTable, master: Channel) -> int:
    """Be the keeper."""
    info = msgspec.convert(message["worker"], WorkerInfo)
    options: WorkerOptions = project.options
    set_title(f"celeriac: keeper {options.name}")
    keeper = Keeper(project.connect(), info, options, slots, master, SystemClock(), consequences=project.follow_failure)
    with side_threads(project, info):
        keeper.run(joined=message["joined"])
    return 0


def run_child(message: dict[str, Any], project: Project, slots: SlotTable, master: Channel) -> int:
    """Be a child."""
    set_title(f"celeriac: child {project.options.name}")
    child = Child(project, message["worker"], message["id"], slots.writer(message["slot"]), master)
    return EXIT_DEAD if child.run() == "dead" else 0
