"""How a worker writes its log: one line a record, plain for people or JSON for machines, with the task it belongs to."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any, TextIO

import msgspec

from celeriac.engine.request import current_request

PLAIN = "%(asctime)s %(levelname)-7s %(process)d%(task)s %(message)s"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL")
FORMATS = ("plain", "json")


def _belongs_to() -> tuple[str, str] | None:
    """Return the name and id of the task whose attempt logs, if one does."""
    request = current_request.get()
    if request is None or request.id is None:
        return None
    return request.task, request.id


class PlainFormatter(logging.Formatter):
    """``2026-11-21 10:00:00,123 INFO    4711 blog.tasks.rank[0199...] message``.

    Control characters are escaped, so that text from a job cannot forge a line (CVE-2025-48432); a traceback keeps its lines.
    """

    def __init__(self) -> None:
        super().__init__(PLAIN)

    def format(self, record: logging.LogRecord) -> str:
        task = _belongs_to()
        record.task = escape(f" {task[0]}[{task[1]}]") if task else ""
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = escape(record.message)
        return super().formatMessage(record)


class JSONFormatter(logging.Formatter):
    """One JSON object a line: time (UTC, ISO 8601), level, logger, pid, message, and where there is one task, id, traceback."""

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
        return _encode(line)


def _encode(line: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(line).decode()
    except UnicodeEncodeError:  # half a surrogate pair, as in the name of a file that is not UTF-8
        return json.dumps(line)


def escape(text: str) -> str:
    """Return text without characters that move the cursor or begin a new line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)


def configure(level: str, form: str = "plain", stream: TextIO | None = None) -> None:
    """Send the root logger to ``stream`` (standard error), in place of the handlers it has."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JSONFormatter() if form == "json" else PlainFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
