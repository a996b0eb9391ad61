"""The master: decides and supervises. It imports nothing of the project and has no connections, so it cannot hang.

One thread. It owns the signals (their handlers only write to a pipe), the list of processes, and the decisions: what to
start, what to stop, what to kill. Everything about jobs is the keeper's.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.ipc.channel import ChannelClosed
from celeriac.engine.ipc.slots import Running, SlotTable
from celeriac.engine.options import WorkerOptions
from celeriac.engine.worker.generation import Generation, Process
from celeriac.engine.worker.linux import adopt_orphans, resident_kib, set_title

logger = logging.getLogger("celeriac.master")

TICK = 0.1
KEEPER_SILENCE = 20.0
"""Seconds without a sign of life after which the keeper is replaced. Its every wait on the broker is shorter."""
CRASH_LOOP = 1.0
"""A child that lived less long than this counts towards a pause before the next one."""
COLD_STOP = 5.0
MEMORY_EVERY = 1.0
EXIT_OK, EXIT_FAILED, EXIT_COLD = 0, 1, 2

TIME_LIMIT = "TimeLimitExceeded"
REVOKED = "TaskRevokedError"


class Master:
    """Runs one worker until it is told to stop. ``command`` starts a template; the number of its channel is appended."""

    def __init__(self, command: Sequence[str], announce: Callable[[WorkerOptions, WorkerInfo], None] | None = None) -> None:
        self.command = command
        self.announce = announce
        self.worker = uuid.uuid4().hex
        self.joined = False
        self.options: WorkerOptions | None = None
        self.slots: SlotTable | None = None
        self.free: list[int] = []
        self.generations: list[Generation] = []
        self.buried: dict[str, tuple[int, dict[str, Any]]] = {}
        self.stopping = 0
        self.exit_code = EXIT_OK
        self.crashes = 0
        self.fork_at = 0.0
        self.memory_at = 0.0
        self.cold_by = 0.0
        self.reloading: Generation | None = None
        self.signals, self._signals_write = socket.socketpair()

    # -- the loop ----------------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Supervise until everything has ended. Returns the exit status."""
        set_title("celeriac: master")
        adopt_orphans()
        self._catch_signals()
        self._start_generation()
        try:
            while self.generations or not self.stopping:
                self._wait()
                self._tick()
        finally:
            for generation in self.generations:
                generation.popen.kill()
        return self.exit_code

    def _catch_signals(self) -> None:
        for end in (self.signals, self._signals_write):
            end.setblocking(False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._signals_write.fileno(), warn_on_full_buffer=False)

    def _wait(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.signals, selectors.EVENT_READ, self._hear_signals)
            for generation in self.generations:
                if not generation.gone:
                    selector.register(generation.channel, selectors.EVENT_READ, lambda g=generation: self._hear_template(g))
                for process in generation.processes.values():
                    if not process.silent:
                        selector.register(process.channel, selectors.EVENT_READ, lambda p=process: self._hear_process(p))
            for key, _ in selector.select(TICK):
                key.data()

    def _tick(self) -> None:
        """What time brings: limits, memory, a silent keeper, missing children, the end of old generations."""
        for generation in list(self.generations):
            self._look_after(generation)
        if not self.generations and not self.stopping and time.monotonic() >= self.fork_at:
            self._start_generation()
        if self.slots is not None:
            self._enforce_limits()
            self._watch_keeper()
            self._watch_memory()
            self._replenish()
        self._advance_stop()

    # -- generations ---------------------------------------------------------------------------------------------------------

    def _start_generation(self) -> None:
        self.generations.append(Generation(self.command))

    @property
    def current(self) -> Generation:
        """The newest generation whose template is ready, else the newest."""
        return next((g for g in reversed(self.generations) if g.options is not None and not g.gone), self.generations[-1])

    @property
    def keeper(self) -> Process | None:
        """The keeper in charge: the newest."""
        return next((g.keeper for g in reversed(self.generations) if g.keeper is not None), None)

    def _look_after(self, generation: Generation) -> None:
        if generation.popen.poll() is not None and not generation.gone:
            self._template_ended(generation)
        if generation.gone and not self._bury_orphans(generation):
            self.generations.remove(generation)
        elif not generation.gone and generation is not self.current and generation.options and not generation.processes:
            self._dismiss(generation)  # its last child has drained after a reload

    @staticmethod
    def _dismiss(generation: Generation) -> None:
        try:
            generation.end()
        except ChannelClosed:
            return  # it has ended by itself

    def _template_ended(self, generation: Generation) -> None:
        generation.gone = True
        if not self.stopping and generation is self.generations[-1]:
            self._template_lost(generation)
        generation.channel.close()
        for process in generation.processes.values():
            self._kill(process)  # PDEATHSIG has done so on Linux

    def _template_lost(self, generation: Generation) -> None:
        """It ended unasked. At the first start that is the end; later a new one is tried, ever less often."""
        if not self.joined:
            if not generation.reported:
                logger.error(
                    "The process that imports the project ended with status %s before it was done.", generation.popen.returncode
                )
            self.exit_code, self.stopping = EXIT_FAILED, max(self.stopping, 1)
            return
        logger.error("The template process ended with status %s; starting a new one.", generation.popen.returncode)
        self.crashes += 1
        self.fork_at = time.monotonic() + min(0.1 * 2**self.crashes, 5.0)

    def _bury_orphans(self, generation: Generation) -> bool:
        """The template that would report them is gone: look for ourselves which of its processes are.

        Returns whether some live.
        """
        for pid, process in list(generation.pids.items()):
            if _ended(pid):
                self._process_ended(process, -signal.SIGKILL)
        for process in [p for p in generation.processes.values() if not p.pid]:
            del generation.processes[process.id]
            process.channel.close()
            self._bury(process, charge=False)
        return bool(generation.processes)

    def _hear_template(self, generation: Generation) -> None:
        try:
            messages = generation.channel.receive()
        except ChannelClosed:
            return  # its exit is noticed in the next tick
        for message in messages:
            if "failed" in message:
                self._template_failed(generation, message["failed"])
            elif "ready" in message:
                self._template_ready(generation, message["ready"])
            elif "forked" in message:
                process = generation.forked(message["forked"], message["pid"])
                if self.stopping > 1 or (process.role == "keeper" and process is not self.keeper):
                    self._kill(process)  # a cold stop or a reload came between the word and the fork
                logger.debug("%s %s has pid %d", process.role, process.id, process.pid)
            elif "exited" in message:
                gone = generation.exited(message["exited"])
                if gone is not None:
                    self._after_exit(gone, message["status"])

    def _template_failed(self, generation: Generation, text: str) -> None:
        generation.reported = True
        logger.error("%s", text)
        if self.reloading is generation:
            logger.error("The changed code cannot be loaded; the worker goes on with the old one.")
            self.reloading = None

    def _template_ready(self, generation: Generation, options: dict[str, Any]) -> None:
        if self.slots is None:
            self.options = generation.learn(options, None)
            self.slots = SlotTable.create(4 * self.options.processes + 8)
            self.free = list(range(self.slots.slots))
        try:
            generation.learn(options, self.slots)
        except ChannelClosed:
            return  # it has ended meanwhile; that is noticed in the next tick
        self.options = generation.options
        if self.reloading is generation:
            self._hand_over(generation)
        if not self.stopping:
            self._fork_keeper()

    def _hand_over(self, generation: Generation) -> None:
        """Changed code is loaded: the old keeper goes without leaving, the old children drain."""
        self.reloading = None
        for old in self.generations:
            if old is generation:
                continue
            for process in old.processes.values():
                if process.role == "keeper":
                    self._kill(process)
                else:
                    self._drain(process)

    # -- starting processes --------------------------------------------------------------------------------------------------

    def _info(self) -> WorkerInfo:
        assert self.options is not None
        from celeriac import __version__  # a constant; the package's import is light

        options = self.options
        return WorkerInfo(
            id=self.worker, name=options.name, host=socket.gethostname(), pid=os.getpid(), pool=options.pool,
            concurrency=options.concurrency, queues=options.queues, version=__version__,
        )  # fmt: skip

    def _fork_keeper(self) -> None:
        assert self.slots is not None
        self.slots.beat(time.monotonic())
        self._ask(
            lambda: self.current.fork(
                "keeper", uuid.uuid4().hex, 0, worker=msgspec.to_builtins(self._info()), joined=self.joined
            )
        )

    def _ask(self, fork: Callable[[], Process]) -> Process | None:
        try:
            return fork()
        except ChannelClosed:
            return None  # the template is gone; a new generation will ask again

    def _replenish(self) -> None:
        """Fork the children that are missing."""
        if self.stopping or not self.joined or self.options is None or self.keeper is None or time.monotonic() < self.fork_at:
            return
        if not self.generations:
            return
        generation = self.current
        if generation.gone or generation.options is None:
            return
        serving = sum(1 for process in generation.children if not process.draining)
        for _ in range(self.options.processes - serving):
            if not self.free:
                return  # the keeper still has dead children's slots to read
            self._fork_child(generation)

    def _fork_child(self, generation: Generation) -> None:
        assert self.slots is not None
        slot = self.free.pop(0)
        self.slots.clear(slot)
        process = self._ask(lambda: generation.fork("child", uuid.uuid4().hex, slot, worker=self.worker))
        if process is None:
            self.free.append(slot)
            return
        self._tell_keeper({"child": process.id, "slot": slot})

    # -- ending processes ----------------------------------------------------------------------------------------------------

    def _kill(self, process: Process) -> None:
        if process.pid:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return  # it was faster

    def _drain(self, process: Process) -> None:
        assert self.slots is not None
        process.draining = True
        self.slots.drain(process.slot)
        self._tell(process, {"stop": True})

    def _process_ended(self, process: Process, status: int) -> None:
        process.generation.exited(process.pid)
        self._after_exit(process, status)

    def _after_exit(self, process: Process, status: int) -> None:
        if process.role == "keeper":
            self._keeper_ended(process, status)
            return
        if status != 0:
            self._child_crashed(process, status)
        self._bury(process, charge=process.charge)  # also at status 0: a body may have called os._exit(0)

    def _child_crashed(self, process: Process, status: int) -> None:
        if not process.killed_for and not self.stopping:
            how = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
            logger.error("A child (pid %d) %s; its jobs run again.", process.pid, how)
        young = time.monotonic() - process.born < CRASH_LOOP
        self.crashes = self.crashes + 1 if young and not process.killed_for else 0
        if self.crashes > 3:
            self.fork_at = time.monotonic() + min(0.1 * 2 ** (self.crashes - 3), 5.0)

    def _bury(self, process: Process, charge: bool) -> None:
        """Have the keeper give a dead child's jobs to the living. The slot is free again when it has answered."""
        message = {"rescue": process.id, "slot": process.slot, "charge": charge, "verdicts": process.killed_for}
        self.buried[process.id] = (process.slot, message)
        self._tell_keeper(message)

    def _keeper_ended(self, process: Process, status: int) -> None:
        if self.stopping or process.generation.gone or process.generation is not self.current:
            return  # a new generation brings its own
        logger.error("The keeper (pid %d) ended with status %d; starting a new one.", process.pid, status)
        self._fork_keeper()

    # -- hearing -------------------------------------------------------------------------------------------------------------

    def _hear_signals(self) -> None:
        for number in self.signals.recv(4096):
            if number in (signal.SIGINT, signal.SIGTERM):
                self._stop(cold=number == signal.SIGINT and self.stopping > 0)
            elif number == signal.SIGQUIT:
                self._stop(cold=True)
            elif number == signal.SIGHUP:
                self._reload()
            elif number == signal.SIGUSR1:
                self._dump_stacks()
            elif number == signal.SIGCHLD:
                _reap_orphans({generation.popen.pid for generation in self.generations})

    def _hear_process(self, process: Process) -> None:
        try:
            messages = process.channel.receive()
        except ChannelClosed:
            process.silent = True  # its exit is reported by the template
            return
        for message in messages:
            if process.role == "child":
                process.ready = True
                self.crashes = 0
            else:
                self._hear_keeper(message)

    def _hear_keeper(self, message: dict[str, Any]) -> None:
        if "joined" in message:
            self._keeper_ready()
        elif "rescued" in message:
            slot, _ = self.buried.pop(message["rescued"], (None, None))
            if slot is not None:
                self.free.append(slot)
        elif "cancel" in message:
            self._cancel(message["cancel"], message["number"], message["delivery"])
        elif "dead" in message:
            self._declared_dead()

    def _keeper_ready(self) -> None:
        first, self.joined = not self.joined, True
        for generation in self.generations:
            for process in generation.children:
                self._tell_keeper({"child": process.id, "slot": process.slot})
        for _, message in self.buried.values():
            self._tell_keeper(message)
        if first and self.announce is not None and self.options is not None:
            self.announce(self.options, self._info())

    def _declared_dead(self) -> None:
        """Others have our jobs. Stop everything that may still run one, and begin again under a new name."""
        self.worker, self.joined = uuid.uuid4().hex, False
        self.free += [slot for slot, _ in self.buried.values()]
        self.buried.clear()
        for generation in self.generations:
            for process in generation.children:
                process.charge = False
                self._kill(process)

    def _tell(self, process: Process, message: dict[str, Any]) -> None:
        try:
            process.channel.send(message)
        except ChannelClosed:
            return  # it has ended; that is noticed elsewhere

    def _tell_keeper(self, message: dict[str, Any]) -> None:
        keeper = self.keeper
        if keeper is not None:
            self._tell(keeper, message)

    # -- limits --------------------------------------------------------------------------------------------------------------

    def _started_children(self) -> list[Process]:
        """Return every child that was asked for, also one whose pid the template has not told yet."""
        return [process for generation in self.generations for process in generation.children]

    def _all_children(self) -> list[Process]:
        """Return the children that are known to run."""
        return [process for process in self._started_children() if process.pid]

    def _enforce_limits(self) -> None:
        assert self.slots is not None
        now = time.monotonic()
        for process in self._all_children():
            for entry in self.slots.running(process.slot):
                if entry.deadline and now > entry.deadline:
                    self._end_job(process, entry, _verdict(entry, "failed", TIME_LIMIT))
            for key, (by, verdict) in list(process.obey_by.items()):
                if now > by:
                    self._kill_over(process, key, verdict)

    def _cancel(self, child: str, number: int, delivery: int) -> None:
        assert self.slots is not None
        for process in self._all_children():
            if process.id != child:
                continue
            for entry in self.slots.running(process.slot):
                if (entry.number, entry.delivery) == (number, delivery):
                    self._end_job(process, entry, _verdict(entry, "cancelled", REVOKED))

    def _end_job(self, process: Process, entry: Running, verdict: dict[str, Any]) -> None:
        """End one running job. In prefork its child is killed; a pool of many is asked first, then killed."""
        assert self.options is not None
        key = (entry.number, entry.delivery)
        if process.killed_for or key in process.obey_by:
            return
        if self.options.pool == "prefork" and len(self.slots.running(process.slot) if self.slots else ()) == 1:
            self._kill_over(process, key, verdict)
            return
        process.obey_by[key] = (time.monotonic() + self.options.kill_after, verdict)
        self._tell(process, {"cancel": list(key)})

    def _kill_over(self, process: Process, key: tuple[int, int], verdict: dict[str, Any]) -> None:
        assert self.slots is not None
        process.obey_by.pop(key, None)
        still = any((entry.number, entry.delivery) == key for entry in self.slots.running(process.slot))
        if still:
            process.killed_for.append(verdict)
            process.charge = False  # the neighbours in this process did nothing wrong
            self._kill(process)

    def _watch_keeper(self) -> None:
        assert self.slots is not None
        keeper = self.keeper
        if keeper is not None and keeper.pid and time.monotonic() - self.slots.last_beat() > KEEPER_SILENCE:
            logger.error("The keeper (pid %d) has shown no sign of life for %.0f s; replacing it.", keeper.pid, KEEPER_SILENCE)
            self.slots.beat(time.monotonic())
            self._kill(keeper)

    def _watch_memory(self) -> None:
        most = self.options.max_memory_per_child if self.options is not None else None
        now = time.monotonic()
        if not most or now < self.memory_at:
            return
        self.memory_at = now + MEMORY_EVERY
        for process in self._all_children():
            used = resident_kib(process.pid)
            if used > most and not process.draining:
                logger.info("Child (pid %d) uses %d KiB, over its limit of %d; it is replaced.", process.pid, used, most)
                self._drain(process)

    # -- stopping and reloading ------------------------------------------------------------------------------------------------

    def _stop(self, cold: bool) -> None:
        if cold:
            logger.warning("Stopping at once: running jobs are given back and run again elsewhere.")
            self.stopping, self.exit_code = 2, EXIT_COLD
            self.cold_by = time.monotonic() + COLD_STOP
            for process in self._started_children():
                process.charge = False
                self._kill(process)
        elif not self.stopping:
            logger.warning("Stopping: running jobs finish, the others go back. Ctrl-C once more stops at once.")
            self.stopping = 1
            for process in self._started_children():
                self._drain(process)

    def _advance_stop(self) -> None:
        """Children first, then the keeper, then the templates."""
        if not self.stopping:
            return
        overdue = self.cold_by and time.monotonic() > self.cold_by
        if overdue:
            for generation in self.generations:
                generation.popen.kill()
            return
        if any(generation.children for generation in self.generations) or (self.buried and self.keeper is not None):
            return
        keeper = self.keeper
        if keeper is not None:
            if not keeper.draining:
                keeper.draining = True
                self._tell(keeper, {"stop": True})
            return
        for generation in self.generations:
            if not generation.gone:
                self._dismiss(generation)

    def _reload(self) -> None:
        if self.stopping or self.reloading is not None or self.slots is None:
            return
        logger.warning("Reloading: the changed code is loaded beside the old, then the old children finish.")
        self._start_generation()
        self.reloading = self.generations[-1]

    def _dump_stacks(self) -> None:
        for generation in self.generations:
            for process in generation.processes.values():
                if process.pid:
                    os.kill(process.pid, signal.SIGUSR1)


def _verdict(entry: Running, state: str, kind: str) -> dict[str, Any]:
    if kind == TIME_LIMIT:
        message = f"The job ran past its time limit of {entry.deadline - entry.started:g} s and was killed."
    else:
        message = "terminated"
    return {"number": entry.number, "delivery": entry.delivery, "state": state, "type": kind, "message": message}


def _ended(pid: int) -> bool:
    try:
        os.waitpid(pid, os.WNOHANG)  # it is ours if we adopted it
    except ChildProcessError:
        pass  # it is not
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _reap_orphans(ours: set[int]) -> None:
    """Collect adopted descendants that have ended: processes that tasks left behind. Our templates are left to ``Popen``."""
    for pid in _children_of(os.getpid()) - ours:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue  # collected already


def _children_of(pid: int) -> set[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return {int(child) for child in file.read().split()}
    except OSError:
        return set()
