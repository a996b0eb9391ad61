"""The tasks that the harness's workers run. Each body writes its beginning and its end into the ledger."""

from __future__ import annotations

import asyncio
import ctypes
import functools
import importlib.util
import inspect
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.db import connections

from celeriac.engine.errors import SoftTimeLimitExceeded
from celeriac.engine.registry import Registry
from celeriac.engine.request import current_request
from tests.chaos.database import ALIAS, EFFECT
from tests.chaos.ledger import Ledger

GATE_LOOK = 0.005
PACE = 0.1
"""Seconds between two starts of the task ``paced``."""
CODE = "code.py"
"""A file in the run's folder that a template imports: a test changes it to deploy another version of the project."""


class HarnessTask:
    """A task as the engine wants it (``RunnableTask``), made of one function."""

    base = None
    ignore_result = False
    track_started = False
    throws: tuple[type[BaseException], ...] = ()
    max_retries: int | None = 3
    default_retry_delay = 0.2
    dont_autoretry_for: tuple[type[BaseException], ...] = ()
    retry_kwargs: Mapping[str, Any] = {}
    retry_backoff: bool | float = False
    retry_backoff_max = 600.0
    retry_jitter = False
    time_limit: float | None = None
    soft_time_limit: float | None = None
    overrides: frozenset[str] = frozenset()

    def __init__(
        self,
        function: Callable[..., Any],
        acks_late: bool | None = None,
        autoretry_for: tuple[type[BaseException], ...] = (),
        transactional: bool = False,
        apart: float = 0.0,
    ) -> None:
        self.name = function.__name__
        self.function = function
        self.is_async = inspect.iscoroutinefunction(function)
        self.acks_late = acks_late
        self.autoretry_for = autoretry_for
        self.transactional = transactional
        self.apart = apart

    def body(self) -> Callable[..., Any]:
        """Return what is called with the job's arguments."""
        return self.function


def build(ledger: Ledger) -> Registry:
    """Return all tasks, bound to the ledger of this run."""
    registry = Registry()
    for function, options in Bodies(ledger).all():
        registry.register(HarnessTask(witnessed(ledger, function), **options))
    return registry


def witnessed(ledger: Ledger, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with its beginning and its end written down."""

    def note(what: str) -> None:
        request = current_request.get()
        assert request is not None
        assert request.job is not None
        ledger.write("run", what, request.job.id, *request.job.token, os.getpid())

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        note("start")
        value = function(*args)
        note("end")
        return value

    @functools.wraps(function)
    async def run_async(*args: Any) -> Any:
        note("start")
        value = await function(*args)
        note("end")
        return value

    return run_async if inspect.iscoroutinefunction(function) else run


class Bodies:
    """What the tasks do. A method is a task of that name."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.ballast: list[bytearray] = []

    def all(self) -> list[tuple[Callable[..., Any], dict[str, Any]]]:
        """Return each body with the options of its task."""
        plain = (
            self.noop, self.anoop, self.sleep, self.nap, self.hold, self.ahold, self.spin, self.hog, self.die, self.soft,
            self.asoft, self.grow, self.version,
        )  # fmt: skip
        return [
            *((body, {}) for body in plain),
            (self.hold_once, {"acks_late": False}),
            (self.noop_once, {"acks_late": False}),
            (self.hold_delivery, {}),
            (self.stamp, {"transactional": True}),
            (self.flaky, {"autoretry_for": (ValueError,)}),
            (self.paced, {"apart": PACE}),
        ]

    def _gate(self, name: str) -> Path:
        return self.ledger.folder / f"gate-{name}"

    def noop(self) -> None:
        """Nothing."""

    def noop_once(self) -> None:
        """Nothing, at most once."""

    async def anoop(self) -> None:
        """Nothing, on the event loop."""

    def sleep(self, seconds: float) -> None:
        """Take time."""
        time.sleep(seconds)

    async def nap(self, seconds: float) -> None:
        """Take time on the event loop."""
        await asyncio.sleep(seconds)

    def hold(self, gate: str) -> None:
        """Run until the test opens the gate."""
        while not self._gate(gate).exists():
            time.sleep(GATE_LOOK)

    def hold_delivery(self, gate: str) -> None:
        """The same, with a gate for each delivery of the job."""
        request = current_request.get()
        assert request is not None
        assert request.job is not None
        self.hold(f"{gate}-{request.job.delivery}")

    def stamp(self) -> None:
        """Leave one row in the database, in the transaction that also settles the job."""
        request = current_request.get()
        assert request is not None
        assert request.job is not None
        with connections[ALIAS].cursor() as cursor:
            cursor.execute(EFFECT, (request.job.id, *request.job.token))

    def hold_once(self, gate: str) -> None:
        """The same, at most once."""
        self.hold(gate)

    async def ahold(self, gate: str) -> None:
        """The same, on the event loop."""
        while not self._gate(gate).exists():  # noqa: ASYNC110 - the gate is a file, which tells nobody that it is there
            await asyncio.sleep(GATE_LOOK)

    def spin(self, gate: str) -> None:
        """Run until the gate opens, and never obey an exception thrown in."""
        while True:
            try:
                while not self._gate(gate).exists():
                    time.sleep(GATE_LOOK)
                return
            except BaseException as error:  # noqa: BLE001 - a task that swallows everything is what this is about
                self.ledger.write("note", "swallowed", type(error).__name__)

    def hog(self, seconds: float) -> None:
        """Hold the GIL in one C call: PyDLL does not release it."""
        ctypes.PyDLL(None).usleep(int(seconds * 1e6))

    def die(self, how: str) -> None:
        """Take the process along."""
        if how == "abort":
            os.abort()
        if how == "exit":
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait()

    def soft(self, seconds: float) -> str:
        """Say what a soft limit raised inside."""
        try:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                time.sleep(GATE_LOOK)
        except SoftTimeLimitExceeded:
            return "cleaned up"
        return "never told"

    async def asoft(self, seconds: float) -> str:
        """The same, on the event loop."""
        try:
            await asyncio.sleep(seconds)
        except SoftTimeLimitExceeded:
            return "cleaned up"
        return "never told"

    def grow(self, mebibytes: int) -> None:
        """Keep memory."""
        self.ballast.append(bytearray(b"x") * (mebibytes << 20))

    def version(self) -> str:
        """Return which version of the project's code this process has."""
        return VERSION

    def paced(self) -> None:
        """Do nothing, at most so often."""

    def flaky(self, failures: int) -> None:
        """Fail so often, then succeed."""
        request = current_request.get()
        assert request is not None
        if request.retries < failures:
            raise ValueError(f"attempt {request.retries}")


VERSION = "none"


def load_code(folder: Path) -> None:
    """Import the run's own module, as a project imports its tasks."""
    global VERSION  # noqa: PLW0603 - the version of the code belongs to the process
    path = folder / CODE
    if not path.exists():
        return
    spec = importlib.util.spec_from_file_location("deployed", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    VERSION = getattr(module, "VERSION", VERSION)
