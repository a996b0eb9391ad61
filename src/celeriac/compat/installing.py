"""``install_as_celery()``: ``import celery`` gives Celeriac, as ``pymysql.install_as_MySQLdb()`` does for its name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from celeriac.compat.modules import CELERY_VERSION, KOMBU, MODULES, PACKAGES, WHOLE, WORKFLOWS
from celeriac.engine.errors import ImproperlyConfigured, did_you_mean


def install_as_celery() -> None:
    """Let ``celery`` and its public modules resolve to Celeriac.

    Call it once, before anything imports them: in the project's ``__init__.py``. A second call does nothing.

    Raises ``ImproperlyConfigured`` where the real Celery was imported already: two of them in one process would share nothing.
    """
    present = sys.modules.get("celery")
    if isinstance(present, StandInModule):
        return
    if present is not None:
        raise ImproperlyConfigured(
            f"celery was imported already, from {getattr(present, '__file__', 'somewhere')}. Call celeriac.install_as_celery()"
            " before anything imports celery: at the top of the project's __init__.py, or of manage.py."
        )
    if not any(isinstance(finder, StandIn) for finder in sys.meta_path):
        sys.meta_path.insert(0, StandIn("celery", MODULES))
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
        if (below := f"{self.__name__}.{name}") in MODULES or below in KOMBU:
            return importlib.import_module(below)
        if name in WORKFLOWS:
            raise AttributeError(f"{self.__name__}.{name} belongs to workflows, and these are not in this version of Celeriac.")
        raise AttributeError(f"Celeriac's {self.__name__} has no {name!r}.{did_you_mean(name, self._known())}")

    def _known(self) -> list[str]:
        return [*self._names, *(dir(self._whole) if self._whole is not None else ())]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._known()})


class StandIn(MetaPathFinder, Loader):
    """Answers imports of a package and everything below it."""

    def __init__(self, package: str, modules: Mapping[str, Mapping[str, str]]) -> None:
        self._package = package
        self._modules = modules

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module of Celery's. Raises ``ImportError`` for one that is not here, naming what is."""
        if fullname.partition(".")[0] != self._package:
            return None
        if fullname in self._modules:
            return ModuleSpec(fullname, self, is_package=fullname in PACKAGES)
        raise ModuleNotFoundError(
            f"Celeriac stands in for {self._package} in this process, and has no {fullname}."
            f"{did_you_mean(fullname, self._modules)} There are: {', '.join(sorted(self._modules))}.",
            name=fullname,
        )

    def create_module(self, spec: ModuleSpec) -> StandInModule:
        """Return an empty module that knows where its names are."""
        module = StandInModule(spec.name)
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
