"""How a worker writes its log: one line a record, plain for people or JSON for machines, with the task it belongs to."""

from __future__ import annotations

import codecs
import json
import logging
import sys
import time
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any, TextIO

import msgspec

from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.request import current_request
from celeriac.engine.translation import gettext as _

PLAIN = "%(asctime)s %(levelname)-7s %(process)d%(task)s %(message)s"
BAR = "  | "
"""What each line below a record's first begins with."""
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL")
FORMATS = ("plain", "json")

RECEIPTS = "celery.worker.strategy"
ATTEMPTS = "celery.app.trace"
"""Celery's loggers, whose lines name the task and the job themselves."""


def _belongs_to() -> tuple[str, str] | None:
    """Return the name and id of the task whose attempt logs, if one does."""
    request = current_request.get()
    if request is None or request.id is None:
        return None
    return request.task, request.id


class PlainFormatter(logging.Formatter):
    """``2026-11-21 10:00:00,123 INFO    4711 blog.tasks.rank[0199...] message``.

    Text from a job cannot forge a line (CWE-117): control characters are escaped, and the lines of a traceback each begin with
    a bar, as no line of ours does.
    """

    def __init__(self) -> None:
        super().__init__(PLAIN)

    def format(self, record: logging.LogRecord) -> str:
        task = _belongs_to() if record.name not in (RECEIPTS, ATTEMPTS) else None
        record.task = escape(f" {task[0]}[{task[1]}]") if task else ""
        record.message, record.asctime = record.getMessage(), self.formatTime(record)
        return "".join([self.formatMessage(record), *(f"\n{BAR}{escape(line)}" for line in self._lines_below(record))])

    def _lines_below(self, record: logging.LogRecord) -> list[str]:
        """Return the traceback and the stack. Not by way of ``record.exc_text``, which the other handlers write and read."""
        error = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        return [line for text in (error, record.stack_info) if text for line in text.split("\n")]

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = escape(record.message)
        return super().formatMessage(record)


class JSONFormatter(logging.Formatter):
    """One JSON object a line: time (UTC, ISO 8601), level, logger, pid, message, and where there is one task, id, traceback.

    Text is written as it is; where the ``encoding`` of the output lacks one of its characters, in JSON's own escapes.
    """

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding
        self._is_utf8 = codecs.lookup(encoding).name == "utf-8"

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        task = _belongs_to()
        if task:
            line["task"], line["id"] = task
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return self._encode(line)

    def _encode(self, line: dict[str, Any]) -> str:
        try:
            text = msgspec.json.encode(line).decode()
            if not self._is_utf8:
                text.encode(self._encoding)
        except UnicodeEncodeError:  # also half a surrogate pair, as in the name of a file that is not UTF-8
            return json.dumps(line, ensure_ascii=not self._is_utf8).encode("utf-8", "backslashreplace").decode()
        return text


def escape(text: str) -> str:
    """Return text without characters that move the cursor or begin a new line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)


def configure(level: str, form: str = "plain", stream: TextIO | None = None, file: Path | None = None) -> None:
    """Send the root logger to ``file``, or else to ``stream`` (standard error), in place of the handlers it has.

    The file is opened anew when it was renamed, as ``logrotate`` does. Raises ``ImproperlyConfigured`` where it cannot be
    written.
    """
    handler = _to_file(file) if file is not None else logging.StreamHandler(stream or sys.stderr)
    encoding = "utf-8" if file is not None else getattr(handler.stream, "encoding", None) or "utf-8"
    handler.setFormatter(JSONFormatter(encoding) if form == "json" else PlainFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _to_file(path: Path) -> logging.StreamHandler[Any]:
    try:
        return WatchedFileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        text = _(
            "--logfile {path}: the log cannot be written there: {reason}. Make its folder, or give this user the right to write"
            " to it."
        )
        raise ImproperlyConfigured(text.format(path=path, reason=error.strerror)) from None
