"""What really happened, written down outside the system: append-only files that outlive every kill.

One record is one line, written by a single ``write`` to a file opened with O_APPEND: it is whole or absent, also when its
writer is killed. The clock is ``time.monotonic``, which all processes of a machine share.

    submit   intent KEY | acked KEY | rejected KEY          a line before the enqueue and one after it
    run      start|end KEY NUMBER CHILD DELIVERY PID        a body begins, a body has returned
    ack      accepted|refused STATE NUMBER CHILD DELIVERY   what the broker said to a settle
    fault    KIND [PID ...]                                 who was hit
    server   answers ROUND | served ROUND                   it is back, and the body of a job that came afterwards begins
    process  ROLE|ROLE-leaves PID                           a process of a worker has started, or ends in good order
    note     WORD KEY ...                                   anything a body wants to tell its test
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from celeriac.engine.job import Token

PATIENCE = 30.0
"""Seconds after which what must happen counts as never happening. Only a failing test waits that long."""
LOOK_EVERY = 0.005


class Line(NamedTuple):
    """One record: when it was written (monotonic seconds), and its words."""

    at: float
    words: Sequence[str]


class Run(NamedTuple):
    """A body began (``start``) or returned (``end``)."""

    at: float
    what: str
    key: str
    token: Token
    pid: int


class Ack(NamedTuple):
    """The broker accepted or refused a settle."""

    at: float
    accepted: bool
    state: str
    token: Token


class Ledger:
    """The files of one run. Any number of processes write, each with descriptors of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, tuple[int, int]] = {}

    def write(self, name: str, *words: object) -> None:
        """Append one record."""
        self.write_at(time.monotonic(), name, *words)

    def write_at(self, at: float, name: str, *words: object) -> None:
        """Append one record of what happened at a time (monotonic seconds)."""
        line = " ".join([f"{at:.6f}", *map(str, words)]) + "\n"
        os.write(self._open(name), line.encode())

    def _open(self, name: str) -> int:
        descriptor, owner = self._files.get(name, (-1, 0))
        if owner != os.getpid():
            descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._files[name] = (descriptor, os.getpid())
        return descriptor

    def close(self) -> None:
        """Close the files of this process."""
        for descriptor, owner in self._files.values():
            if owner == os.getpid():
                os.close(descriptor)
        self._files.clear()

    # -- reading -----------------------------------------------------------------------------------------------------------

    def read(self, name: str) -> Iterator[Line]:
        """Yield every record of a file, in the order of writing."""
        try:
            text = (self.folder / name).read_text()
        except FileNotFoundError:
            return
        whole = text[: text.rfind("\n") + 1]  # the last line may be half written
        yield from map(_line, whole.splitlines())

    def runs(self, what: str = "") -> list[Run]:
        """Return the starts and ends of bodies, or those of one kind."""
        found = [Run(at, w[0], w[1], _token(w[2:5]), int(w[5])) for at, w in self.read("run")]
        return [run for run in found if what in ("", run.what)]

    def acks(self) -> list[Ack]:
        """Return what the broker said to settles."""
        return [Ack(at, w[0] == "accepted", w[1], _token(w[2:5])) for at, w in self.read("ack")]

    def keys(self, name: str, word: str) -> set[str]:
        """Return the second words of the records whose first is ``word``."""
        return {words[1] for _, words in self.read(name) if words[0] == word}

    def pids(self, role: str) -> list[int]:
        """Return every process that began in a role, also those that are gone."""
        return [int(words[1]) for _, words in self.read("process") if words[0] == role]

    def starts(self, key: str) -> list[Run]:
        """Return when and where the body of one job began."""
        return [run for run in self.runs("start") if run.key == key]

    # -- waiting -----------------------------------------------------------------------------------------------------------

    def await_start(self, key: str, times: int = 1) -> Run:
        """Wait until a job's body has begun for the n-th time; return that beginning."""
        wait_for(lambda: len(self.starts(key)) >= times, f"the body of {key} to begin ({times}. time)")
        return self.starts(key)[times - 1]


class Tail:
    """Reads each record of one file once."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        self._path = ledger.folder / name
        self._read = 0

    def news(self) -> list[Line]:
        """Return the records that were written since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                news = file.read()
        except FileNotFoundError:
            return []
        whole = news[: news.rfind(b"\n") + 1]
        self._read += len(whole)
        return [_line(text) for text in whole.decode().splitlines()]


def wait_for(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Return once ``condition`` holds. Raises ``AssertionError`` when it does not in ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:g} s in vain for {what}")
        time.sleep(LOOK_EVERY)


def _line(text: str) -> Line:
    at, *words = text.split(" ")
    return Line(float(at), words)


def _token(words: Sequence[str]) -> Token:
    number, child, delivery = words
    return Token(int(number), child, int(delivery))
