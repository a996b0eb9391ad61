"""Starting workers of the harness, finding their processes, hitting them, and seeing that nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.ledger import Ledger, wait_for
from tests.chaos.project import Order

ROOT = Path(__file__).parents[2]
GONE_WITHIN = 10.0
"""Seconds in which every process of a worker is gone after its master was killed: at once, but for who waits for the disk."""


class WorkerProcess:
    """One worker. It is a session of its own, so every process it ever started can be found, whoever its parent is now."""

    def __init__(self, order: Order, name: str, fault: str = "") -> None:
        self.order = order
        self.name = name
        self.ledger: Ledger = order.ledger
        self.log = self.ledger.folder / f"log-{name}"
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        more = {"PYTHONPATH": path, "CELERIAC_FAULT": fault}
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.master"], cwd=ROOT, env=order.to_environment(**more),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    # -- what it is made of ------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The master."""
        return self.popen.pid

    def processes(self) -> list[int]:
        """Return every living process of the worker: zombies are dead."""
        return [pid for pid in psutil.pids() if _session_of(pid) == self.pid and _lives(pid)]

    def with_role(self, role: str) -> list[int]:
        """Return the living processes that began as ``template``, ``keeper`` or ``child``, the oldest first."""
        living = set(self.processes())
        return [int(words[1]) for _, words in self.ledger.read("process") if words[0] == role and int(words[1]) in living]

    def one(self, role: str) -> int:
        """Wait for one process of a role and return the newest."""
        found: list[int] = []
        wait_for(lambda: found or found.extend(self.with_role(role)), f"a {role} of {self.name}")
        return found[-1]

    def await_ready(self) -> WorkerProcess:
        """Wait until the worker has joined and has all its children."""
        wait_for(lambda: self.is_ready() or self.popen.poll() is not None, f"{self.name} to be ready; see {self.log}")
        assert self.popen.poll() is None, f"{self.name} ended at its start:\n{self.printed()}"
        return self

    def is_ready(self) -> bool:
        """Return whether it has announced itself."""
        return any(words == ["ready", str(self.pid)] for _, words in self.ledger.read("process"))

    def printed(self) -> str:
        """Return what it wrote to its standard output and error."""
        return self.log.read_text(errors="replace")

    # -- hitting it --------------------------------------------------------------------------------------------------------

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the master."""
        self.popen.send_signal(number)

    def tell_all(self, number: signal.Signals) -> None:
        """Send a signal to every process: as pulling the cable, or freezing the machine, where it is KILL, or STOP."""
        for pid in self.processes():
            _send(pid, number)

    def freeze(self) -> list[int]:
        """Stop every process, also one that was just being forked. Returns which they are."""
        while True:
            self.tell_all(signal.SIGSTOP)
            stopped = self.processes()
            # Who has really stopped forks no more: only then is a second list of the same length the whole one.
            if all(map(_is_stopped, stopped)) and stopped == self.processes():
                return stopped

    def freeze_one(self, role: str) -> list[int]:
        """Stop the newest process of a role. Returns which it is."""
        pid = self.one(role)
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: _is_stopped(pid), f"the {role} to be stopped")
        return [pid]

    def kill(self) -> None:
        """Kill every process at once."""
        while self.processes():  # one that was forked while we went through the others
            self.tell_all(signal.SIGKILL)
        self.popen.wait()

    def wait(self, patience: float = 30.0) -> int:
        """Wait for the master's end; return its exit status."""
        try:
            return self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end in {patience:g} s:\n{self.printed()}") from None

    def await_gone(self, patience: float = GONE_WITHIN) -> None:
        """Wait until no process of the worker is left."""
        wait_for(lambda: not self.processes(), f"every process of {self.name} to be gone", patience)

    def close(self) -> list[int]:
        """End the worker the hard way: kill its master. Returns the processes that outlived it by more than ``GONE_WITHIN``."""
        for pid in self.processes():
            _send(pid, signal.SIGCONT)
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        try:
            self.await_gone()
        except AssertionError:
            left = self.processes()
            for pid in left:
                _send(pid, signal.SIGKILL)
            return left
        return []


class Crew:
    """All the workers of one run."""

    def __init__(self, folder: Path, database: dict[str, Any], **options: Any) -> None:
        self.folder = folder
        self.database = database
        self.options = {"lease": 2.0, "renew_every": 0.5, "concurrency": 2, "kill_after": 1.0, **options}
        self.workers: list[WorkerProcess] = []

    def start(
        self, fault: str = "", sabotage: str = "", ready: bool = True, loglevel: str = "WARNING", **options: Any
    ) -> WorkerProcess:
        """Start a worker, and wait until it is ready."""
        name = f"w{len(self.workers) + 1}"
        broker = {"broker": "django://chaos", "name": name}
        order = Order(
            folder=str(self.folder), database=self.database, options={**self.options, **broker, **options},
            sabotage=sabotage, loglevel=loglevel,
        )  # fmt: skip
        worker = WorkerProcess(order, name, fault)
        self.workers.append(worker)
        return worker.await_ready() if ready else worker

    def close(self) -> list[int]:
        """End all workers. Returns the orphans."""
        return [pid for worker in self.workers for pid in worker.close()]


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _is_stopped(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it was faster


def printed_by(workers: Iterable[WorkerProcess]) -> str:
    """Return what several workers wrote, for the message of a failure."""
    return "\n".join(f"--- {worker.name}\n{worker.printed()}" for worker in workers)
