"""One system on an empty place: a process that enqueues, a worker when it is wanted, and the clocks of the jobs."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from benchmarks.catalogue import System
from benchmarks.clocks import VARIABLE, Clocks
from benchmarks.environments import python_of
from benchmarks.place import Place
from benchmarks.processes import Tree
from benchmarks.servers import Server, fresh_folder

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0
"""Seconds in which something has to happen: a job, the end of a worker."""


class Failed(RuntimeError):
    """A system did not do what it was asked. The message ends with what its log says."""


@dataclass(frozen=True)
class Scale:
    """How much is measured. ``quick`` is for a first look."""

    jobs: int = 60_000
    drain_seconds: float = 6.0
    flood_seconds: float = 3.0
    sustained_seconds: float = 20.0
    latencies: int = 400
    rest_seconds: float = 5.0
    """How long a worker is idle before its memory is looked at, and its use of a processor counted."""

    @classmethod
    def quick(cls, jobs: int) -> Scale:
        """Return the smaller one."""
        return cls(min(jobs, 30_000), 1.5, 1.0, 4.0, 100, 2.0)


class Bench:
    """What a workload has to its hands. Job numbers are handed out once, so the clock of each means one job."""

    def __init__(self, system: System, scale: Scale, place: Place, stack: ExitStack) -> None:
        self.system = system
        self.scale = scale
        self.place = place
        self.clocks = Clocks(Path(place.folder) / "clocks")
        self._log = stack.enter_context((Path(place.folder) / "log").open("ab"))
        kept = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}  # each has its own
        self._environment = {
            **kept, **place.announce(), VARIABLE: str(self.clocks.path),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")] if system.environment is None else [str(ROOT)]),
        }  # fmt: skip
        self._producer = stack.enter_context(self._start_producer())
        self._next = 0
        self._running: list[subprocess.Popen[bytes]] = []
        told = self.ask("prepare")
        self._commands: list[list[str]] = told["worker"]
        self.has_bulk = bool(told["bulk"])

    def numbers(self, count: int) -> range:
        """Return so many new job numbers."""
        self._next += count
        return range(self._next - count, self._next)

    # -- the process that enqueues -----------------------------------------------------------------------------------------

    @contextmanager
    def _start_producer(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [python_of(self.system.environment), "-m", "benchmarks.producing", self.system.peer]
        process = self._popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def ask(self, do: str, patience: float = PATIENCE, **arguments: Any) -> Any:
        """Have the producer do something; return its answer. Raises ``Failed``."""
        assert self._producer.stdin is not None
        assert self._producer.stdout is not None
        self._producer.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self._producer.stdin.flush()
        line = _line(self._producer.stdout, patience)
        if not line:
            raise self.failed(f"{self.system.name} did not {do} within {patience:g} s, or its producer ended")
        return json.loads(line)

    def fill(self, count: int) -> range:
        """Enqueue so many jobs in the fastest way there is; return their numbers."""
        numbers = self.numbers(count)
        self.ask("fill", patience=600.0, first=numbers.start, count=count)
        return numbers

    # -- the worker --------------------------------------------------------------------------------------------------------

    @contextmanager
    def worker(self) -> Iterator[Tree]:
        """Run a worker for the length of a ``with`` block."""
        begun = time.monotonic()
        processes = [self._popen(command, stdin=subprocess.DEVNULL, stdout=self._log) for command in self._commands]
        self._running = processes
        tree = Tree([process.pid for process in processes], begun)
        try:
            yield tree
        finally:
            rest = tree.members()
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                _end(process)
            for member in rest:
                if member.is_running():
                    member.kill()

    def wait(self, numbers: range, patience: float = PATIENCE) -> None:
        """Return once all these jobs have run."""
        try:
            self.clocks.wait(numbers, patience, self._alive)
        except TimeoutError as error:
            raise self.failed(f"{self.system.name}: {error}") from None

    def _alive(self) -> bool:
        return any(process.poll() is None for process in self._running)

    # -- how ---------------------------------------------------------------------------------------------------------------

    def _popen(self, command: Sequence[str], stdin: int, stdout: int | IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=self._log, env=self._environment, cwd=self.place.folder
        )  # fmt: skip

    def failed(self, what: str) -> Failed:
        """Return the error that says so, with the end of the log."""
        log = (Path(self.place.folder) / "log").read_text(errors="replace")
        return Failed(f"{what}. The end of its log:\n{log[-1_500:]}")


@contextmanager
def bench(system: System, scale: Scale, server: Server) -> Iterator[Bench]:
    """Set a system up on an empty place, for the length of a ``with`` block."""
    with fresh_folder() as folder, ExitStack() as stack:
        place = replace(server.fresh(folder), variant=system.variant)
        yield Bench(system, scale, place, stack)


def _line(answers: IO[bytes], patience: float) -> bytes:
    """Return the next line, or nothing where none comes in time. The producer writes whole lines."""
    with selectors.DefaultSelector() as selector:
        selector.register(answers, selectors.EVENT_READ)
        return answers.readline() if selector.select(patience) else b""


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
