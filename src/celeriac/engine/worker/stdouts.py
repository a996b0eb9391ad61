"""What a task prints: each line at once in the worker's log, with the task it belongs to, and kept with the attempt.

``sys.stdout`` and ``sys.stderr`` are replaced, once a process. What is printed outside a task passes through as it is.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable
from typing import Any, TextIO, cast

from celeriac.engine.request import Request, running_request
from celeriac.engine.worker.joblog import JobLogHandler

logger = logging.getLogger("celery.redirected")

LONGEST_PIECE = 65_536
"""Characters without a line break after which what was printed counts as a line."""

_busy = threading.local()
"""``now`` is set while a printed line is logged: what a log handler then writes to a standard stream is not for the log."""


class TaskStream:
    """Stands before a standard stream: lines that a task writes become log records of one level."""

    def __init__(self, stream: TextIO, level: int, keep: JobLogHandler) -> None:
        self._stream = stream
        self._level = level
        self._keep = keep

    def write(self, text: str) -> int:
        """Log the whole lines, and hold back what does not end one until the rest of it, a flush, or the attempt's end."""
        request = self._request()
        if request is None:
            return self._stream.write(text)
        pieces = request.unfinished
        if pieces is None:
            pieces = request.unfinished = {}
        piece = (self, threading.get_ident())  # other threads may print for the same attempt
        *lines, rest = (pieces.pop(piece, "") + text).replace("\r", "\n").split("\n")
        if len(rest) > LONGEST_PIECE:
            lines, rest = [*lines, rest], ""
        if rest:
            pieces[piece] = rest
        for line in lines:
            self.log(line)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Log what was held back, in a task; else flush the stream."""
        request = self._request()
        if request is None:
            self._stream.flush()
        elif request.unfinished:
            self.log(request.unfinished.pop((self, threading.get_ident()), ""))

    def log(self, line: str) -> None:
        """Log one line, unless it is blank. It is kept with the attempt also where the log is quieter than its level."""
        if not line.strip():
            return
        record = logger.makeRecord(logger.name, self._level, "", 0, line.rstrip(), (), None)
        _busy.now = True
        try:
            if logger.isEnabledFor(self._level):
                logger.handle(record)
            else:
                self._keep.handle(record)
        finally:
            _busy.now = False

    def _request(self) -> Request | None:
        """Return the request of the task that prints; None outside one, and for what a log handler writes itself."""
        return None if getattr(_busy, "now", False) else running_request()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def redirect(level: int, keep: JobLogHandler) -> None:
    """From now on log what tasks print, at ``level``."""
    sys.stdout = cast(TextIO, TaskStream(sys.stdout, level, keep))
    sys.stderr = cast(TextIO, TaskStream(sys.stderr, level, keep))


def finish_lines(request: Request) -> None:
    """Log what an attempt printed without ending the line. Call it inside the attempt."""
    pieces, request.unfinished = request.unfinished, None
    for (stream, _), text in (pieces or {}).items():
        stream.log(text)
