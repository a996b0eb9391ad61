"""The master: decides and supervises. It imports nothing of the project and has no connections, so it cannot hang.

One thread, one loop: it hears signals, templates, keepers and children, and hands what it heard to the file whose duty it
is. Everything about jobs is the keeper's.
"""

from __future__ import annotations

import logging
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.ipc.channel import ChannelClosed
from celeriac.engine.master.crashloop import CrashLoop
from celeriac.engine.master.generation import Generation, Process
from celeriac.engine.master.hardlimits import HardLimits
from celeriac.engine.master.heralds import Heralds
from celeriac.engine.master.memorywatch import MemoryWatch
from celeriac.engine.master.orphans import has_ended, reap_orphans
from celeriac.engine.master.population import Population
from celeriac.engine.master.processes import Processes
from celeriac.engine.master.reload import Reload
from celeriac.engine.master.shutdown import Shutdown
from celeriac.engine.options import WorkerOptions
from celeriac.engine.vitals import Vitals
from celeriac.engine.worker.linux import adopt_orphans, set_title
from celeriac.engine.worker.signalpipe import SignalPipe

logger = logging.getLogger("celeriac.master")

TICK = 0.1
SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGCHLD")
    if hasattr(signal, name)  # Windows imports this module too, and runs no master
)


class Master:
    """Runs one worker until it is told to stop. ``command`` starts a template; the number of its channel is appended."""

    def __init__(self, command: Sequence[str], announce: Callable[[WorkerOptions, WorkerInfo], None] | None = None) -> None:
        self.announce = announce
        self.signals = SignalPipe()
        self.processes = Processes(command)
        self.crash_loop = CrashLoop()
        self.population = Population(self.processes, self.crash_loop)
        self.limits = HardLimits(self.processes)
        self.memory = MemoryWatch(self.processes)
        self.reload = Reload(self.processes)
        self.heralds = Heralds(self.processes)
        self.shutdown = Shutdown(self.processes, self.heralds)
        self.vitals = Vitals(logger.warning)
        self._selector = selectors.DefaultSelector()
        self._heard: list[Generation | Process] = []
        """Whom the selector listens to. It is made anew only where these change: that takes as long as the rest of a tick."""

    # -- the loop ------------------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Supervise until everything has ended. Returns the exit status."""
        set_title("celeriac: master")
        adopt_orphans()
        self.signals.catch(SIGNALS)
        self.processes.start()
        try:
            while self.processes.generations or not self.shutdown.begun:
                self._wait()
                self._tick()
        finally:
            self.processes.kill_templates()
            self.vitals.end()
            self._selector.close()
        return self.shutdown.exit_code

    def _wait(self) -> None:
        """Hear what there is to hear, for a tick at the longest."""
        generations = [generation for generation in self.processes.generations if not generation.gone]
        processes = [process for process in self.processes.all if not process.silent]
        if self._heard != [*generations, *processes]:
            self._heard = [*generations, *processes]
            self._listen_to(generations, processes)
        for key, _ in self._selector.select(TICK):
            key.data()

    def _listen_to(self, generations: Sequence[Generation], processes: Sequence[Process]) -> None:
        self._selector.close()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.signals, selectors.EVENT_READ, self._hear_signals)
        for generation in generations:
            self._selector.register(generation.channel, selectors.EVENT_READ, partial(self._hear_template, generation))
        for process in processes:
            self._selector.register(process.channel, selectors.EVENT_READ, partial(self._hear_process, process))

    def _tick(self) -> None:
        """What time brings: limits, memory, a silent keeper, missing processes, the end of old generations."""
        self._give_sign_of_life()
        for generation in list(self.processes.generations):
            self._look_after(generation)
        self.limits.enforce()
        self.population.watch_keeper()
        self.memory.look()
        if self.shutdown.begun:
            self.shutdown.advance(bool(self.population.rescues))
        elif self.processes.generations:
            self.population.replenish()
            self.heralds.look()
        elif not self.crash_loop.pausing:
            self.processes.start()

    def _give_sign_of_life(self) -> None:
        state = "stopping" if self.shutdown.begun else "ready" if self.population.joined else "starting"
        current = self.processes.current
        self.vitals.beat(current.options.name if current is not None and current.options is not None else "", state)

    # -- signals -------------------------------------------------------------------------------------------------------------

    def _hear_signals(self) -> None:
        for number in self.signals.receive():
            self._obey_signal(number)

    def _obey_signal(self, number: int) -> None:
        if number == signal.SIGQUIT or (number == signal.SIGINT and self.shutdown.begun):
            self.shutdown.stop_cold(signal.Signals(number).name)
        elif number in (signal.SIGINT, signal.SIGTERM):
            self.shutdown.stop_warm(signal.Signals(number).name)
        elif number == signal.SIGHUP:
            if not self.shutdown.begun and self.population.is_equipped:
                self.reload.begin()
        elif number == signal.SIGUSR1:
            for process in self.processes.all:
                process.signal(signal.SIGUSR1)  # each writes its stacks
        elif number == signal.SIGCHLD:
            reap_orphans({generation.popen.pid for generation in self.processes.generations})

    # -- templates -----------------------------------------------------------------------------------------------------------

    def _hear_template(self, generation: Generation) -> None:
        try:
            messages = generation.channel.receive()
        except ChannelClosed:
            return  # its exit is noticed in the next tick
        for message in messages:
            if "failed" in message:
                generation.reported = True
                logger.error("%s", message["failed"])
                self.reload.failed(generation)
            elif "ready" in message:
                self._template_ready(generation, message["ready"])
            elif "forked" in message:
                self._process_forked(generation.forked(message["forked"], message["pid"]))
            elif "exited" in message:
                self._process_exited(generation.exited(message["exited"]), message["status"])

    def _template_ready(self, generation: Generation, options: dict[str, Any]) -> None:
        try:
            self.population.equip(generation, generation.learn(options))
        except ChannelClosed:
            return  # it has ended meanwhile; that is noticed in the next tick
        self.reload.loaded(generation)
        if not self.shutdown.begun:
            self.population.fork_keeper()

    def _look_after(self, generation: Generation) -> None:
        if generation.popen.poll() is not None and not generation.gone:
            self._template_ended(generation)
        if generation.gone:
            self._bury_orphans(generation)
            if not generation.processes:
                self.processes.generations.remove(generation)
        elif generation is not self.processes.current and generation.options and not generation.processes:
            generation.end()  # its last child has drained after a reload

    def _template_ended(self, generation: Generation) -> None:
        generation.gone = True
        if not self.shutdown.begun and generation is self.processes.generations[-1]:
            self._template_lost(generation)
        generation.channel.close()
        for process in generation.processes.values():
            process.kill()  # PDEATHSIG has done so on Linux

    def _template_lost(self, generation: Generation) -> None:
        """It ended unasked. At the first start that is the end; later a new one is tried, ever less often."""
        status = generation.popen.returncode
        if self.population.joined:
            logger.error("The template process ended with status %s; starting a new one.", status)
            self.crash_loop.template_crashed()
            return
        if not generation.reported:
            logger.error("The process that imports the project ended with status %s before it was done.", status)
        self.shutdown.fail()

    def _bury_orphans(self, generation: Generation) -> None:
        """The template that would report them is gone: look for ourselves which of its processes are."""
        for pid in list(generation.pids):
            if has_ended(pid):
                self._process_exited(generation.exited(pid), -signal.SIGKILL)
        for process in list(generation.processes.values()):
            if not process.pid:  # asked for, and never forked
                generation.forget(process)
                if process.role == "child":
                    self.population.rescues.bury(process, charge=False)

    # -- keepers and children ------------------------------------------------------------------------------------------------

    def _hear_process(self, process: Process) -> None:
        try:
            messages = process.channel.receive()
        except ChannelClosed:
            process.silent = True  # its exit is reported by the template
            return
        for message in messages:
            if process.role == "child":
                self.crash_loop.recovered()  # a child says but one thing: that it is ready
                self.heralds.child_is_ready(process)
            elif process.role == "keeper":
                self._hear_keeper(message)

    def _hear_keeper(self, message: dict[str, Any]) -> None:
        if "joined" in message:
            self._keeper_joined()
        elif "rescued" in message:
            self.heralds.jobs_were_killed(self.population.rescues.killed_for(message["rescued"]))
            self.population.rescued(message["rescued"])
        elif "cancel" in message:
            self.limits.cancel(message["cancel"], message["number"], message["delivery"])
        elif "dead" in message:
            self.population.declared_dead()

    def _keeper_joined(self) -> None:
        first = not self.population.joined
        self.population.keeper_joined()
        current = self.processes.current
        if first and self.announce is not None and current is not None and current.options is not None:
            self.announce(current.options, self.population.info(current.options))

    def _process_forked(self, process: Process) -> None:
        too_late = self.shutdown.cold and process.role != "herald"  # that one tells of the stop, and ends by itself
        if too_late or (process.role == "keeper" and process is not self.processes.keeper):
            process.kill()  # a cold stop or a reload came between the word and the fork
        logger.debug("%s %s has pid %d", process.role, process.id, process.pid)

    def _process_exited(self, process: Process | None, status: int) -> None:
        if process is None:
            return  # the template's, of which we know nothing
        if process.role == "keeper":
            self._keeper_ended(process, status)
            return
        if process.role == "herald":
            if status != 0 and not self.shutdown.begun:
                logger.error("The process that runs the receivers of the worker's signals ended with status %d.", status)
            return
        if status != 0:
            self._child_crashed(process, status)
        self.population.rescues.bury(process, charge=process.charge)  # also at status 0: a body may have called os._exit(0)

    def _keeper_ended(self, process: Process, status: int) -> None:
        if self.shutdown.begun or process.generation.gone or process.generation is not self.processes.current:
            return  # a new generation brings its own
        logger.error("The keeper (pid %d) ended with status %d; starting a new one.", process.pid, status)
        self.population.fork_keeper()

    def _child_crashed(self, process: Process, status: int) -> None:
        if not process.killed_for and not self.shutdown.begun:
            how = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
            logger.error("A child (pid %d) %s; its jobs run again.", process.pid, how)
        self.crash_loop.child_crashed(time.monotonic() - process.born, killed_by_us=bool(process.killed_for))
