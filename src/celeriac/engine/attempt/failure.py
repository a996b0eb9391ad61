"""An exception as text: what is kept of one, and what hooks are given."""

from __future__ import annotations

import traceback

from celeriac.engine.codec import json_or_repr
from celeriac.engine.outcome import Failure

MAX_TRACEBACK = 20_000  # characters: the end of a deep recursion says no more than its beginning


class ExceptionInfo:
    """An exception with its traceback as text: what Celery passes to hooks as ``einfo``."""

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception
        self.type = type(exception)
        self.traceback = format_traceback(exception)
        self.tb = exception.__traceback__

    def __str__(self) -> str:
        return self.traceback


def format_traceback(error: BaseException) -> str:
    """Return the traceback as text, without local variables, shortened in the middle."""
    text = "".join(traceback.format_exception(error))
    if len(text) > MAX_TRACEBACK:
        half = MAX_TRACEBACK // 2
        text = f"{text[:half]}\n... {len(text) - MAX_TRACEBACK} characters left out ...\n{text[-half:]}"
    return text


def describe(error: BaseException, with_traceback: bool = True) -> Failure:
    """Return an exception as text: its class by name, its arguments as JSON or ``repr``. Never raises."""
    try:
        message = str(error)
    except Exception as broken:  # noqa: BLE001 - a broken __str__ must not hide the failure
        message = f"<{type(error).__name__} whose str() raised {type(broken).__name__}>"
    return Failure(
        type=type(error).__qualname__,
        module=type(error).__module__,
        message=message,
        traceback=format_traceback(error) if with_traceback else "",
        arguments=[json_or_repr(argument) for argument in error.args],
    )
