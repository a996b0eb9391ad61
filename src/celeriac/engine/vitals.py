"""A worker's sign of life in a small file, for a probe that asks neither the broker nor the worker.

Whoever supervises a worker writes it every two seconds: its master, or the only process that it has. Read by
``celeriac health``, so nothing costly is imported here.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator

EVERY = 2.0
"""Seconds between two signs."""
STALE = 20.0
"""Seconds after which a sign is one no more."""


def folder() -> str:
    """Return where the files of this user are: CELERIAC_RUN_DIR, or a folder below that for temporary files."""
    given = os.environ.get("CELERIAC_RUN_DIR")
    if given:
        return given
    temporary = os.environ.get("TMPDIR") or os.environ.get("TEMP") or "/tmp"
    user = os.getuid() if hasattr(os, "getuid") else 0
    return os.path.join(temporary, f"celeriac.{user}")


class Vitals:
    """Writes the signs of this process's worker. ``failed`` is called with a sentence where that cannot be done, once."""

    def __init__(self, failed: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._failed = failed
        self._clock = clock
        self._next = 0.0
        self._pid = os.getpid()
        self._told = False

    @property
    def path(self) -> str:
        """The file."""
        return os.path.join(folder(), f"{self._pid}.json")

    def beat(self, name: str, state: str) -> None:
        """Write a sign, where the last is old enough. ``state``: starting, ready or stopping."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + EVERY
        sign = {"pid": self._pid, "name": name, "state": state, "beat": now}
        try:
            os.makedirs(folder(), mode=0o700, exist_ok=True)
            if not self._told:
                self._told = True
                _sweep()
            with open(f"{self.path}.new", "w", encoding="utf-8") as file:
                json.dump(sign, file)
            os.replace(f"{self.path}.new", self.path)
        except OSError as error:
            self._next = now + 3_600.0
            self._failed(f"celeriac health will not see this worker: {self.path} cannot be written: {error.strerror}.")

    def end(self) -> None:
        """The worker has ended."""
        try:
            os.unlink(self.path)
        except OSError:
            return  # it never was there, or the folder is gone


def signs() -> Iterator[dict[str, object]]:
    """Yield the last sign of each worker of this user on this machine."""
    try:
        names = sorted(os.listdir(folder()))
    except OSError:
        return
    for name in names:
        if name.endswith(".json"):
            sign = _read(os.path.join(folder(), name))
            if sign is not None:
                yield sign


def is_alive(sign: dict[str, object]) -> bool:
    """Return whether a sign is of a process that lives and gave it lately. The clock is the machine's since it started."""
    beat, pid = sign.get("beat"), sign.get("pid")
    if not isinstance(beat, float | int) or not isinstance(pid, int):
        return False
    return -1.0 <= time.monotonic() - beat <= STALE and _lives(pid)


def _read(path: str) -> dict[str, object] | None:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None  # it has just ended
    return found if isinstance(found, dict) else None


def _lives(pid: int) -> bool:
    if os.name == "nt":
        return True  # signal 0 would end it there
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _sweep() -> None:
    """Remove what killed workers have left."""
    for sign in list(signs()):
        pid = sign.get("pid")
        if isinstance(pid, int) and not _lives(pid):
            os.unlink(os.path.join(folder(), f"{pid}.json"))
