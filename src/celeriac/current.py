"""What a process has one of: the current app, the tasks shared by all apps, the task that runs.

There is always a current app: the one made last by ``Celery(...)``, else a default one that reads Django's settings. It is
one for the whole process, every thread included.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from celeriac.engine.request import current_request

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.task import Task

_lock = threading.RLock()
_apps: weakref.WeakSet[Celery] = weakref.WeakSet()
_shared: dict[str, Task[Any, Any]] = {}


class _Chosen:
    current: Celery | None = None
    default: Celery | None = None


_chosen = _Chosen()


def current_app() -> Celery:
    """Return the current app, the default one where no other was made."""
    return _chosen.current or default_app()


def default_app() -> Celery:
    """Return the app that serves a project without a ``Celery(...)`` of its own."""
    if _chosen.default is None:
        with _lock:
            if _chosen.default is None:
                from celeriac.app import Celery  # the app's module imports this one

                _chosen.default = Celery("default", set_as_current=False)
    return _chosen.default


def app_or_default(app: Any = None) -> Any:
    """Return ``app``, or the current one for None."""
    return current_app() if app is None else app


def set_current_app(app: Celery | None) -> None:
    """Make ``app`` the current one; None returns to the default."""
    _chosen.current = app


@contextmanager
def current_app_is(app: Any) -> Iterator[None]:
    """Make ``app`` the current one for the time of a ``with`` block, then whichever was it before: for tests."""
    before, _chosen.current = _chosen.current, app
    try:
        yield
    finally:
        _chosen.current = before


def is_current(app: Celery) -> bool:
    """Return whether ``app`` is the current one."""
    return current_app() is app


def add_app(app: Celery) -> None:
    """Make a new app known, and every shared task known to it."""
    with _lock:
        _apps.add(app)
        for task in _shared.values():
            app.adopt(task)


def apps() -> list[Celery]:
    """Return every app there is."""
    return list(_apps)


def share(task: Task[Any, Any]) -> None:
    """Register a task in every app, present and future."""
    with _lock:
        _shared[task.name] = task
        for app in list(_apps):
            app.adopt(task)


def current_task() -> Any:
    """Return the task whose body runs in this thread or coroutine, or None."""
    request = current_request.get()
    return current_app().tasks.get(request.task) if request is not None else None


get_current_app = current_app
get_current_task = current_task
