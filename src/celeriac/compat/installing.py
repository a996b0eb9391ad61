"""``install_as_celery()``: ``import celery`` gives Celeriac, as ``pymysql.install_as_MySQLdb()`` does for its name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from celeriac.compat.app_list import add_when_apps_are_loaded
from celeriac.compat.companions import REPLACEMENTS
from celeriac.compat.modules import CELERY_VERSION, COMPANIONS, KOMBU, MODULES, PACKAGES, WHOLE, WORKFLOWS
from celeriac.engine.errors import ImproperlyConfigured, did_you_mean
from celeriac.engine.translation import gettext as _

_HERE = Path(__file__).parent


def install_as_celery() -> None:
    """Let ``celery``, its public modules and its Django apps resolve to Celeriac, and make Celeriac one of the Django apps.

    Call it once, before anything imports them: in the project's ``__init__.py``. A second call does nothing.

    Raises ``ImproperlyConfigured`` where the real Celery was imported already: two of them in one process would share nothing.
    """
    present = sys.modules.get("celery")
    if isinstance(present, StandInModule):
        return
    if present is not None:
        raise ImproperlyConfigured(
            _(
                "celery was imported already, from {present}. Call celeriac.install_as_celery() before anything"
                " imports celery: at the top of the project's __init__.py, or of manage.py. If it was the installed"
                " Celery's own command that did it, start Celeriac's: celeriac -A <project> worker"
            ).format(present=getattr(present, "__file__", "somewhere"))
        )
    if not any(isinstance(finder, StandIn) for finder in sys.meta_path):
        add_when_apps_are_loaded()
        companions = [StandIn(app, COMPANIONS) for app in REPLACEMENTS if app not in MODULES]
        sys.meta_path[:0] = [StandIn("celery", MODULES), *companions]
        sys.meta_path.append(StandIn("kombu", KOMBU))  # the last to be asked: the real one comes first, where there is one


class StandInModule(ModuleType):
    """One of Celery's modules; its names are looked up here at their first use."""

    _names: Mapping[str, str]
    _whole: ModuleType | None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = self._find(name)
        setattr(self, name, value)
        return value

    def _find(self, name: str) -> Any:
        if name in self._names:
            return _resolve(self._names[name], name)
        if self._whole is not None and hasattr(self._whole, name):
            return getattr(self._whole, name)
        if any(f"{self.__name__}.{name}" in modules for modules in (MODULES, COMPANIONS, KOMBU)):
            below = f"{self.__name__}.{name}"
            return importlib.import_module(below)
        if name in WORKFLOWS:
            raise AttributeError(
                _("{module}.{name} belongs to workflows, and these are not in this version of Celeriac.").format(
                    module=self.__name__, name=name
                )
            )
        raise AttributeError(
            _("Celeriac's {module} has no {name!r}.{hint}").format(
                module=self.__name__, name=name, hint=did_you_mean(name, self._known())
            )
        )

    def _known(self) -> list[str]:
        return [*self._names, *(dir(self._whole) if self._whole is not None else ())]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._known()})


class TaskModule(StandInModule):
    """``celery.task``, which is a decorator too: ``from celery import task``."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.task(*args, **options)


class StandIn(MetaPathFinder, Loader):
    """Answers imports of a package and everything below it."""

    def __init__(self, package: str, modules: Mapping[str, Mapping[str, str]]) -> None:
        self._package = package
        self._modules = modules

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module of Celery's. Raises ``ImportError`` for one that is not here, naming what is."""
        if fullname != self._package and not fullname.startswith(f"{self._package}."):
            return None
        if fullname in self._modules:
            return self._spec(fullname)
        raise ModuleNotFoundError(
            _("Celeriac stands in for {package} in this process, and has no {fullname}.{instead}").format(
                package=self._package, fullname=fullname, instead=self._instead(fullname)
            ),
            name=fullname,
        )

    def _spec(self, fullname: str) -> ModuleSpec:
        spec = ModuleSpec(fullname, self, is_package=fullname in PACKAGES)
        if fullname in REPLACEMENTS:
            # Django wants to know an app's folder. In this one it finds no commands, templates or migrations.
            spec.submodule_search_locations = [str(_HERE)]
        return spec

    def _instead(self, fullname: str) -> str:
        if self._package in COMPANIONS:
            return f" {_(REPLACEMENTS[self._package])}"
        there = _(" There are: {names}.").format(names=", ".join(sorted(self._modules)))
        return did_you_mean(fullname, self._modules) + there

    def create_module(self, spec: ModuleSpec) -> StandInModule:
        """Return an empty module that knows where its names are."""
        module = (TaskModule if spec.name == "celery.task" else StandInModule)(spec.name)
        whole = WHOLE.get(spec.name)
        vars(module).update(_names=self._modules[spec.name], _whole=importlib.import_module(whole) if whole else None)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give it what is there without being asked for."""
        module.__doc__ = f"Celeriac, under the name {module.__name__}."
        names: Mapping[str, str] = vars(module)["_names"]
        whole: ModuleType | None = vars(module)["_whole"]
        vars(module)["__all__"] = [*names, *(_public(whole) if whole is not None else ())]
        if module.__name__ == "celery":
            vars(module).update(__version__=CELERY_VERSION, VERSION=tuple(map(int, CELERY_VERSION.split("."))))


def _public(module: ModuleType) -> list[str]:
    named: list[str] | None = getattr(module, "__all__", None)
    return named if named is not None else [name for name in vars(module) if not name.startswith("_")]


def _resolve(home: str, name: str) -> Any:
    module, _, attribute = home.partition(":")
    return getattr(importlib.import_module(module), attribute or name)
