"""Celery's ``task_routes``: the queue, and other options, that a task gets by its name or by a function (celery.app.routes)."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.translation import gettext as _

Route = Callable[..., Any]


class Router:
    """Finds the options of a call. ``dynamic``: a route is a function, so that the answer may differ from call to call."""

    def __init__(self, routes: Any) -> None:
        self._routes = [_route(route) for route in _listed(routes)]
        self.dynamic = any(not isinstance(route, _Names) for route in self._routes)

    @property
    def written(self) -> Router:
        """A router of those routes that are written down rather than computed: to ask it calls no code of the project."""
        return self if not self.dynamic else Router([route for route in self._routes if isinstance(route, _Names)])

    def options(self, name: str, args: Any, kwargs: Any, options: Mapping[str, Any], task: Any = None) -> dict[str, Any]:
        """Return the options of the first route that has any for this call."""
        for route in self._routes:
            found = route(name, args, kwargs, options, task=task)
            if found:
                return dict(found) if isinstance(found, Mapping) else {"queue": found}
        return {}

    @property
    def queues(self) -> list[str]:
        """The queues that routes lead to, as far as they are written down rather than computed."""
        targets = [target for route in self._routes if isinstance(route, _Names) for target in route.targets]
        return [getattr(queue, "name", queue) for target in targets if (queue := _queue(target))]


class _Names:
    """A route by exact name, glob or compiled pattern, tried in that order."""

    def __init__(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        self._exact: dict[str, Any] = {}
        self._patterns: list[tuple[re.Pattern[str], Any]] = []
        self.targets: list[Any] = []
        for key, value in pairs:
            self.targets.append(value)
            if isinstance(key, re.Pattern):
                self._patterns.append((key, value))
            elif "*" in key:
                self._patterns.append((_glob(key), value))
            else:
                self._exact[key] = value

    def __call__(self, name: str, *_: Any, **__: Any) -> Any:
        if name in self._exact:
            return self._exact[name]
        return next((value for pattern, value in self._patterns if pattern.match(name)), None)


def _glob(text: str) -> re.Pattern[str]:
    """Return a pattern in which, as in Celery, ``*`` stands for one character or more, and all else for itself."""
    return re.compile(".+".join(map(re.escape, text.split("*"))) + r"\Z")


def _queue(target: Any) -> Any:
    """Return the queue that a route leads to: its name, a ``kombu.Queue``, or None."""
    if not isinstance(target, Mapping):
        return target
    return target.get("queue") or target.get("routing_key")


def _listed(routes: Any) -> list[Any]:
    if routes is None:
        return []
    if not isinstance(routes, list | tuple | set):
        return [routes]
    listed = list(routes)
    # A list of pairs is one route; a list of dicts, functions or names is several.
    if listed and all(isinstance(route, list | tuple) for route in listed):
        return [_pairs(listed)]
    return [_pairs([route]) if isinstance(route, list | tuple) else route for route in listed]


def _pairs(routes: Iterable[Any]) -> _Names:
    return _Names(pair for route in routes for pair in ([route] if _is_pair(route) else route))


def _is_pair(route: Any) -> bool:
    return len(route) == 2 and isinstance(route[0], str | re.Pattern)


def _route(route: Any) -> Route:
    if isinstance(route, str):
        route = _imported(route)
    if isinstance(route, type):
        route = route()
    if isinstance(route, Mapping):
        return _Names(route.items())
    if isinstance(route, _Names):
        return route
    if hasattr(route, "route_for_task"):
        return _by_class(route)
    if not callable(route):
        raise ImproperlyConfigured(
            _("{route!r} in CELERY_TASK_ROUTES is neither a dict nor a function nor the dotted name of one.").format(
                route=route
            )
        )
    return route  # type: ignore[no-any-return]  # narrowed to a callable, and mypy keeps Any


def _by_class(router: Any) -> Route:
    def route(name: str, args: Any, kwargs: Any, options: Mapping[str, Any], task: Any = None) -> Any:
        return router.route_for_task(name, args, kwargs)

    return route


def _imported(path: str) -> Any:
    module, name = path.replace(":", ".").rpartition(".")[::2]
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ImproperlyConfigured(
            _("{path!r} in CELERY_TASK_ROUTES cannot be imported: {error}").format(path=path, error=error)
        ) from error
