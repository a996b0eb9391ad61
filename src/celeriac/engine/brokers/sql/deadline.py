"""A deadline for what PostgreSQL's client library waits for without end.

``statement_timeout`` is the server's: one that stands still, or that is gone behind a device which still acknowledges, keeps no
deadline. TCP's own timeouts end only a wait for a peer that acknowledges nothing, and a Unix socket has none.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg

from celeriac.engine.translation import gettext as _


def bound_waits(raw: psycopg.Connection[Any], seconds: float) -> None:
    """Have every statement on a connection end within so many seconds, or raise ``psycopg.OperationalError``."""
    wait = raw.wait

    def bounded(steps: Any, *args: Any, **options: Any) -> Any:
        return wait(_until(steps, seconds), *args, **options)

    raw.wait = bounded  # type: ignore[method-assign, assignment]  # of this connection alone: the project's own keep theirs


def _until(steps: Any, seconds: float) -> Generator[Any, Any, Any]:
    """Take the steps of one statement. The driver tells of each tenth of a second in which nothing came."""
    deadline = time.monotonic() + seconds
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                raise psycopg.OperationalError(_("no answer within {seconds:g} s").format(seconds=seconds))
            wanted = steps.send(ready)
    except StopIteration as end:
        return end.value
