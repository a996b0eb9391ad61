"""Soft time limits: an exception raised inside the body, by the means its thread allows.

A limit never fires outside the body: not in a claim, a settle or a commit of the engine. Hard limits are the master's
(SIGKILL).
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Coroutine, Generator, Sequence
from types import FrameType
from typing import Any

from celeriac.engine.errors import SoftTimeLimitExceeded

HAS_ALARM = hasattr(signal, "setitimer")
"""False on Windows."""

_raise_in_thread = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in_thread.argtypes = (ctypes.c_ulong, ctypes.py_object)
_NOTHING = ctypes.py_object()  # NULL: withdraws an exception. None would be raised itself, as a SystemError.


class _Coroutines:
    """The soft limit of a coroutine, the same in every pool."""

    def wrap(self, seconds: float, coroutine: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
        """Return a coroutine in which ``SoftTimeLimitExceeded`` is raised after ``seconds``."""
        return _limited(seconds, coroutine)


async def _limited(seconds: float, coroutine: Coroutine[Any, Any, Any]) -> Any:
    return await _SoftLimit(seconds, coroutine)


class _SoftLimit:
    """Drives a coroutine, and turns the cancellation that the timer causes into ``SoftTimeLimitExceeded`` inside it."""

    def __init__(self, seconds: float, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.seconds = seconds
        self.coroutine = coroutine
        self.fired = False

    def __await__(self) -> Generator[Any, Any, Any]:
        import asyncio  # only children that run coroutines pay for asyncio

        task = asyncio.current_task()
        assert task is not None
        timer = asyncio.get_running_loop().call_later(self.seconds, self._fire, task)
        try:
            return (yield from self._drive(task))
        finally:
            timer.cancel()

    def _fire(self, task: Any) -> None:
        self.fired = True
        task.cancel()

    def _drive(self, task: Any) -> Generator[Any, Any, Any]:
        step: Callable[[], Any] = lambda: self.coroutine.send(None)  # noqa: E731 - rebound below to throw instead
        while True:
            try:
                waiting_for = step()
            except StopIteration as done:
                return done.value
            try:
                yield waiting_for
            except BaseException as error:  # noqa: BLE001 - whatever the loop throws goes into the body
                step = self._thrower(error, task)
            else:
                step = lambda: self.coroutine.send(None)  # noqa: E731 - as above

    def _thrower(self, error: BaseException, task: Any) -> Callable[[], Any]:
        if self.fired:
            self.fired = False
            task.uncancel()
            error = SoftTimeLimitExceeded()
        return lambda: self.coroutine.throw(error)


class MainThreadLimits(_Coroutines):
    """By SIGALRM, for bodies that run in a process's main thread. It interrupts a blocking system call too."""

    def __init__(self) -> None:
        self._inside = False
        signal.signal(signal.SIGALRM, self._fire)

    def call(self, seconds: float, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call with a timer. A limit that passes just as the body returns is taken as exceeded."""
        try:
            self._inside = True
            signal.setitimer(signal.ITIMER_REAL, seconds)
            return function(*args, **kwargs)
        finally:
            self._inside = False
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _fire(self, number: int, frame: FrameType | None) -> None:
        if self._inside:
            self._inside = False
            raise SoftTimeLimitExceeded


class ThreadLimits(_Coroutines):
    """By an asynchronous exception, for pool threads: raised at the thread's next bytecode, so not inside one long C call."""

    def call(self, seconds: float, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call with a watching timer."""
        guard = ThreadGuard()
        timer = threading.Timer(seconds, guard.throw, (SoftTimeLimitExceeded,))
        timer.daemon = True
        timer.start()
        try:
            return guard.call(function, args, kwargs)
        finally:
            timer.cancel()


class ThreadGuard:
    """Lets another thread raise an exception inside one call, and never outside it."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._inside = False

    def call(self, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call; ``throw`` works until this returns."""
        try:
            self._inside = True
            return function(*args, **kwargs)
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._inside = False
            _raise_in_thread(self._thread, _NOTHING)  # one that was thrown but has not arrived yet must not hit the engine

    def throw(self, kind: type[BaseException]) -> bool:
        """Raise ``kind`` inside the call. Returns False where the call has ended."""
        with self._lock:
            if self._inside:
                _raise_in_thread(self._thread, kind)
            return self._inside
