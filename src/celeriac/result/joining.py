"""Whether code may wait for a result: not inside a task, unless it says that it knows better."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from celeriac.engine.request import running_request

_join_allowed: ContextVar[bool] = ContextVar("celeriac_join_allowed", default=False)

WOULD_BLOCK = (
    "Never call result.get() within a task: the task waits for another while it holds a slot, and with every slot so taken"
    " nothing runs any more. Enqueue what comes next from the other task, or, where you know better, say"
    " with allow_join_result(): ..."
)


@contextmanager
def allow_join_result() -> Iterator[None]:
    """Allow ``get()`` inside a task."""
    token = _join_allowed.set(True)
    try:
        yield
    finally:
        _join_allowed.reset(token)


@contextmanager
def denied_join_result() -> Iterator[None]:
    """Refuse it again."""
    token = _join_allowed.set(False)
    try:
        yield
    finally:
        _join_allowed.reset(token)


def assert_will_not_block() -> None:
    """Raise ``RuntimeError`` inside a task."""
    if not _join_allowed.get() and running_request() is not None:
        raise RuntimeError(WOULD_BLOCK)
