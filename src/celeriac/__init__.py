"""Celeriac: a Celery-compatible background-job engine for Django. The names a user imports, and nothing else.

Importing this is cheap and needs no settings: each name is loaded at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.canvas import Signature, maybe_signature, signature, subtask
    from celeriac.compat import install_as_celery
    from celeriac.current import app_or_default
    from celeriac.declaring import shared_task
    from celeriac.engine.ids import new_id as uuid
    from celeriac.proxies import current_app, current_task
    from celeriac.reports import progress
    from celeriac.result import AsyncResult, allow_join_result
    from celeriac.task import Task

__version__ = "0.1.0"

_HOMES = {
    "AsyncResult": ("celeriac.result", "AsyncResult"),
    "Celery": ("celeriac.app", "Celery"),
    "Signature": ("celeriac.canvas", "Signature"),
    "Task": ("celeriac.task", "Task"),
    "allow_join_result": ("celeriac.result", "allow_join_result"),
    "app_or_default": ("celeriac.current", "app_or_default"),
    "current_app": ("celeriac.proxies", "current_app"),
    "current_task": ("celeriac.proxies", "current_task"),
    "install_as_celery": ("celeriac.compat", "install_as_celery"),
    "maybe_signature": ("celeriac.canvas", "maybe_signature"),
    "progress": ("celeriac.reports", "progress"),
    "shared_task": ("celeriac.declaring", "shared_task"),
    "signature": ("celeriac.canvas", "signature"),
    "subtask": ("celeriac.canvas", "subtask"),
    "uuid": ("celeriac.engine.ids", "new_id"),
}

_LATER = frozenset({"chain", "chord", "chunks", "group", "xmap", "xstarmap"})

__all__ = [
    "AsyncResult",
    "Celery",
    "Signature",
    "Task",
    "__version__",
    "allow_join_result",
    "app_or_default",
    "current_app",
    "current_task",
    "install_as_celery",
    "maybe_signature",
    "progress",
    "shared_task",
    "signature",
    "subtask",
    "uuid",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module, attribute = _HOMES[name]
        value = getattr(import_module(module), attribute)
        globals()[name] = value
        return value
    if name in _LATER:
        raise AttributeError(f"celeriac.{name} belongs to workflows (chain, group, chord), and these are not in this version.")
    raise AttributeError(f"module 'celeriac' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
