"""What a job logs through standard ``logging``, kept with its attempt and bounded in bytes."""

from __future__ import annotations

import logging
import threading

from celeriac.engine.request import running_request

DEFAULT_LIMIT = 65_536
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class LogBuffer:
    """The lines of one attempt, up to ``limit`` bytes of UTF-8. The beginning is kept: it says how the trouble started."""

    __slots__ = ("_left", "_lines", "_lock", "_lost")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._left = limit
        self._lines: list[str] = []
        self._lost = 0
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        """Add a line, or count it where there is no room left."""
        size = len(line.encode("utf-8", "backslashreplace")) + 1
        with self._lock:
            if self._lost or size > self._left:
                self._cut(line, size)
            else:
                self._left -= size
                self._lines.append(line)

    def _cut(self, line: str, size: int) -> None:
        if not self._lost and self._left > 80:  # the first that does not fit is shown as far as it does
            kept = line.encode("utf-8", "backslashreplace")[: self._left - 1].decode("utf-8", "ignore")
            self._lines.append(kept)
            size -= len(kept.encode())
        self._lost += size

    def text(self) -> str | None:
        """Return the lines, and how much of them was left out; None where nothing was logged."""
        with self._lock:
            if not self._lines and not self._lost:
                return None
            cut = [f"... {self._lost:,} more bytes were logged and not kept ..."] if self._lost else []
            return "\n".join([*self._lines, *cut])


class JobLogHandler(logging.Handler):
    """Puts each record in the buffer of the job that runs in this thread or coroutine. Put it on the root logger, once.

    Outside a job a record costs one look; a job that logs nothing costs nothing.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self._limit = limit
        self.setFormatter(logging.Formatter(FORMAT))

    def createLock(self) -> None:  # noqa: N802 - logging's name
        """No lock: buffers have their own, and a process forked while another thread logs must not inherit one."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Keep the record, where a job runs and the filters let it through."""
        request = running_request()
        if request is None or not self.filter(record):
            return False
        log = request.log
        if log is None:
            log = request.log = LogBuffer(self._limit)
        try:
            log.write(self.format(record))
        except Exception:  # noqa: BLE001 - a message that cannot be formatted must not fail the job; logging says so itself
            self.handleError(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Never reached: ``handle`` does it without logging's lock."""
