"""From a stored failure to an exception that can be raised. No name found in it is ever imported (CVE-2021-23727)."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

from celeriac import exceptions
from celeriac.engine import errors
from celeriac.engine.outcome import Failure

_OURS = frozenset({exceptions.__name__, errors.__name__})


def exception_from(failure: Failure) -> Exception:
    """Return the exception that a job failed with.

    Python's own exceptions and ours come back as themselves. Any other is a class of the same name, made here, derived from
    ``TaskFailed``.
    """
    known = _known(failure.module, failure.type)
    arguments = failure.arguments or ([failure.message] if failure.message else [])
    error = _build(known, arguments) if known is not None else None
    return error if error is not None else _made_up(failure)


def _known(module: str, name: str) -> type[Exception] | None:
    """Look a class up in two closed lists."""
    if module == "builtins":
        found = getattr(builtins, name, None)
    elif module in _OURS and name in exceptions.__all__:
        found = getattr(exceptions, name)
    else:
        return None
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _build(kind: type[Exception], arguments: Sequence[Any]) -> Exception | None:
    """Return ``kind`` with these arguments, or None where the class wants others.

    Without its constructor where that refuses: then it must at least have a text.
    """
    for make in (kind, partial(kind.__new__, kind)):
        try:
            error = make(*arguments)
            if str(error) or make is kind:
                return error
        except Exception:  # noqa: BLE001 - whatever a class thinks of stored arguments, the failure must be shown
            continue
    return None


def _made_up(failure: Failure) -> Exception:
    error = _class_named(failure.module, failure.type)(*failure.arguments)
    error.message = failure.message
    return error


@lru_cache(maxsize=1024)
def _class_named(module: str, name: str) -> type[exceptions.TaskFailed]:
    """Return one class for each name, so that two failures of a kind compare as such."""
    plain = name.replace("\x00", "").rpartition(".")[2] or "TaskFailed"
    return type(plain, (exceptions.TaskFailed,), {"__module__": module, "original": f"{module}.{name}"})
