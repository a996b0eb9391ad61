"""Finding the modules in which tasks are declared."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable
from typing import Any


class Discovery:
    """One call of ``autodiscover_tasks``, carried out when the tasks are needed."""

    def __init__(self, packages: Iterable[str] | Callable[[], Iterable[str]] | None, related_name: str | None) -> None:
        self._packages = packages
        self._related_name = related_name

    def run(self) -> None:
        """Import the modules. A package without one is skipped; an error inside one is raised."""
        for package in self._names():
            import_related(package, self._related_name)

    def _names(self) -> list[str]:
        packages = self._packages
        if packages is None:
            return installed_apps()
        if callable(packages):
            packages = packages()
        return [package_of(name) for name in ([packages] if isinstance(packages, str) else packages)]


def installed_apps() -> list[str]:
    """Return the packages of the installed Django apps, ours left out."""
    from django.apps import apps  # only where there is a Django project

    return [config.name for config in apps.get_app_configs() if config.name != "celeriac"]


def package_of(name: str) -> str:
    """Return the package of an entry of ``INSTALLED_APPS``, which may name an ``AppConfig`` in it."""
    last = name.rpartition(".")[2]
    if not last[:1].isupper():
        return name
    from django.utils.module_loading import import_string

    found: Any = import_string(name)
    return str(getattr(found, "name", name))


def import_related(package: str, related_name: str | None) -> Any:
    """Import ``package.related_name``, or the package itself without one. Returns None where there is no such module."""
    found = importlib.import_module(package)
    if not related_name:
        return found
    name = f"{package}.{related_name}"
    return importlib.import_module(name) if hasattr(found, "__path__") and _exists(name) else None


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the way in which install_as_celery() says no
        return False
