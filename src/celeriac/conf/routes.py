"""Celery's ``task_routes``: the queue, and other options, that a task gets by its name or by a function (celery.app.routes)."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from typing import Any

from celeriac.engine.errors import ImproperlyConfigured

Route = Callable[..., Any]


class Router:
    """Finds the options of a call. ``dynamic``: a route is a function, so that the answer may differ from call to call."""

    def __init__(self, routes: Any) -> None:
        self._routes = [_route(route) for route in _listed(routes)]
        self.dynamic = any(not isinstance(route, _Names) for route in self._routes)

    def options(self, name: str, args: Any, kwargs: Any, options: Mapping[str, Any], task: Any = None) -> dict[str, Any]:
        """Return the options of the first route that has any for this call."""
        for route in self._routes:
            found = route(name, args, kwargs, options, task=task)
            if found:
                return {"queue": found} if isinstance(found, str) else dict(found)
        return {}


class _Names:
    """A route by exact name, glob or compiled pattern, tried in that order."""

    def __init__(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        self._exact: dict[str, Any] = {}
        self._patterns: list[tuple[re.Pattern[str], Any]] = []
        for key, value in pairs:
            if isinstance(key, re.Pattern):
                self._patterns.append((key, value))
            elif "*" in key or "?" in key:
                self._patterns.append((re.compile(translate(key)), value))
            else:
                self._exact[key] = value

    def __call__(self, name: str, *_: Any, **__: Any) -> Any:
        if name in self._exact:
            return self._exact[name]
        return next((value for pattern, value in self._patterns if pattern.match(name)), None)


def _listed(routes: Any) -> list[Any]:
    if routes is None:
        return []
    if isinstance(routes, Mapping) or callable(routes) or isinstance(routes, str):
        return [routes]
    listed = list(routes)
    # A list of pairs is one route; a list of dicts, functions or names is several.
    if listed and all(isinstance(route, list | tuple) for route in listed):
        return [_Names(pair for route in listed for pair in ([route] if _is_pair(route) else route))]
    return listed


def _is_pair(route: Any) -> bool:
    return len(route) == 2 and isinstance(route[0], str | re.Pattern)


def _route(route: Any) -> Route:
    if isinstance(route, str):
        route = _imported(route)
    if isinstance(route, type):
        route = route()
    if isinstance(route, Mapping):
        return _Names(route.items())
    if hasattr(route, "route_for_task"):
        return _by_class(route)
    if not callable(route):
        raise ImproperlyConfigured(
            f"{route!r} in CELERY_TASK_ROUTES is neither a dict nor a function nor the dotted name of one."
        )
    return route  # type: ignore[no-any-return]  # narrowed to a callable, and mypy keeps Any


def _by_class(router: Any) -> Route:
    def route(name: str, args: Any, kwargs: Any, options: Mapping[str, Any], task: Any = None) -> Any:
        return router.route_for_task(name, args, kwargs)

    return route


def _imported(path: str) -> Any:
    module, _, name = path.replace(":", ".").rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ImproperlyConfigured(f"{path!r} in CELERY_TASK_ROUTES cannot be imported: {error}") from error
