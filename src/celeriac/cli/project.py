"""Finding the project that a command is about: by ``-A``, by the environment, or by the manage.py of this folder."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
from pathlib import Path
from types import ModuleType

import django

from celeriac.app import Celery
from celeriac.cli.nearby import way_to_manage_py, way_to_module
from celeriac.engine.errors import ImproperlyConfigured, did_you_mean
from celeriac.engine.translation import gettext as _


def find_app(name: str) -> Celery | None:
    """Return the Celery object that ``-A`` names; None for a Django project that has none.

    ``proj`` finds ``proj.celery:app``, ``proj:celery_app`` and ``proj:app``; ``proj.queue:worker_app`` is taken as it is
    written. Raises ``ImproperlyConfigured`` where there is no such thing, with the folder to go to where it is near.
    """
    module_name, attribute = name.partition(":")[::2]
    module = _import(module_name, name)
    if attribute:
        found = getattr(module, attribute, None)
        if not isinstance(found, Celery):
            raise ImproperlyConfigured(
                _("-A {name}: {module_name} has no Celery object called {attribute!r}.{hint}").format(
                    name=name, module_name=module_name, attribute=attribute, hint=did_you_mean(attribute, dir(module))
                )
            )
        return found
    return _app_in(module) or _app_of_package(module)


def _import(module_name: str, asked: str) -> ModuleType:
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not _is_missing(error, module_name):
            raise
        raise _no_module(error.name or module_name, asked) from None
    if _is_bare_folder(module):
        raise _no_module(module_name, asked)
    return module


def _is_missing(error: ModuleNotFoundError, wanted: str) -> bool:
    """Return whether ``wanted`` itself is what could not be found, and not something that it imports."""
    return error.name is not None and (wanted == error.name or wanted.startswith(f"{error.name}."))


def _is_bare_folder(module: ModuleType) -> bool:
    """Return whether Python took a mere folder for a package: that of manage.py, which often has the package's own name."""
    is_folder = hasattr(module, "__path__") and getattr(module, "__file__", None) is None
    return is_folder and not any(_has(module, part) for part in ("celery", "settings", "tasks"))


def _has(package: ModuleType, part: str) -> bool:
    return importlib.util.find_spec(f"{package.__name__}.{part}") is not None


def _no_module(name: str, asked: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        _("-A {asked}: there is no module {name!r} to import from {folder}.{hint}").format(
            asked=asked, name=name, folder=Path.cwd(), hint=_where_it_is(name)
        )
    )


def _where_it_is(name: str) -> str:
    """Return the command that goes to the folder that has the module, where it is near; else what was probably meant."""
    package, _dot, last = name.rpartition(".")
    if package:  # which is there: only this part of it is not
        folders = getattr(importlib.import_module(package), "__path__", [])
        return did_you_mean(last, (part.name for part in pkgutil.iter_modules(folders)))
    here = [module.name for module in pkgutil.iter_modules([str(Path.cwd())])]
    return way_to_module(name) or did_you_mean(name, here) or _(" Start the worker in the folder that has manage.py.")


def _app_in(module: ModuleType) -> Celery | None:
    for attribute in ("app", "celery_app", "celery"):
        found = getattr(module, attribute, None)
        if isinstance(found, Celery):
            return found
    return None


def _app_of_package(module: ModuleType) -> Celery | None:
    if not hasattr(module, "__path__"):
        return None
    if _has(module, "celery"):
        return _app_in(importlib.import_module(f"{module.__name__}.celery"))
    if "DJANGO_SETTINGS_MODULE" not in os.environ and _has(module, "settings"):
        os.environ["DJANGO_SETTINGS_MODULE"] = f"{module.__name__}.settings"
    return None


def set_up_django() -> None:
    """Run ``django.setup()``. Without settings, use what the manage.py of this folder says.

    Raises ``ImproperlyConfigured`` where there are none, with the folder to go to where it is near.
    """
    if "DJANGO_SETTINGS_MODULE" not in os.environ:
        found = settings_of_manage_py(Path("manage.py"))
        if found is None:
            raise _no_settings()
        os.environ["DJANGO_SETTINGS_MODULE"] = found
    settings = os.environ["DJANGO_SETTINGS_MODULE"]
    try:
        django.setup()
    except ModuleNotFoundError as error:
        if not _is_missing(error, settings):
            raise
        raise ImproperlyConfigured(
            _("DJANGO_SETTINGS_MODULE is {settings!r}, and there is no module {name!r} to import from {folder}.{hint}").format(
                settings=settings, name=error.name, folder=Path.cwd(), hint=_where_it_is(error.name or settings)
            )
        ) from None


def _no_settings() -> ImproperlyConfigured:
    hint = way_to_manage_py() or _(" Start the worker in the project's folder: cd <project> && celeriac -A <project> worker")
    text = _("No Django settings: DJANGO_SETTINGS_MODULE is not set, -A names no project, and {folder} has no manage.py.{hint}")
    return ImproperlyConfigured(text.format(folder=Path.cwd(), hint=hint))


def settings_of_manage_py(path: Path) -> str | None:
    """Return the settings module that a manage.py names."""
    if not path.is_file():
        return None
    for line in path.read_text(encoding="utf-8").splitlines():
        if "DJANGO_SETTINGS_MODULE" in line:
            parts = line.replace("'", '"').split('"')
            if len(parts) > 3:
                return parts[3]
    return None
