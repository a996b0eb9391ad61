"""The imports of a project: which of Celery's names Celeriac supplies, and what becomes of the others."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator

from celeriac.compat.modules import COMPANIONS, KOMBU, MODULES, WHOLE
from celeriac.compat.modules import WORKFLOWS as LATER
from celeriac.migrating import knowledge
from celeriac.migrating.finding import Advice, Finding, found, told
from celeriac.migrating.project import Module, Project
from celeriac.migrating.rules import longest
from celeriac.migrating.settings import installed_apps

_FOREIGN = frozenset(name.partition(".")[0] for name in knowledge.IMPORTS)
"""The packages whose imports are looked at."""


def supplied(module: str, name: str | None = None) -> bool:
    """Return whether Celeriac has a module of Celery's or kombu's, and a name in it."""
    there = {**MODULES, **COMPANIONS, **KOMBU}
    if module not in there:
        return False
    if name in (None, "*") or name in there[module] or f"{module}.{name}" in there:
        return True
    return module in WHOLE and hasattr(importlib.import_module(WHOLE[module]), str(name))


def judge(module: str, name: str | None = None) -> Advice | None:
    """Return what is known about an import that cannot be served; None for one that can."""
    if name in LATER and module.partition(".")[0] in ("celery", "celeriac"):
        return knowledge.WORKFLOWS
    if module.partition(".")[0] not in _FOREIGN:
        return None
    if supplied(module, name):
        return longest(knowledge.NOT_ALL, module)
    return longest(knowledge.IMPORTS, f"{module}.{name}" if name else module)


def findings(project: Project) -> Iterator[Finding]:
    """Yield what is to be known about every import."""
    for module in project.modules:
        for node in module.nodes:
            if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno not in module.guarded:
                yield from _of_import(module, node)
    yield from _steps(project)


def _of_import(module: Module, node: ast.Import | ast.ImportFrom) -> Iterator[Finding]:
    for home, name, line in _imported(node):
        advice = judge(home, name)
        if advice is None and home == "celery.signals" and name in knowledge.NEVER_SENT:
            advice = knowledge.NEVER_SENT_ADVICE
        if advice is not None:
            yield found(advice, module.file, line, f"from {home} import {name}" if name else f"import {home}")


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str | None, int]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name, None, alias.lineno) for alias in node.names)
    elif node.level == 0 and node.module:
        yield from ((node.module, alias.name, alias.lineno) for alias in node.names)


# -- the two steps that every project takes --------------------------------------------------------------------------------


def _steps(project: Project) -> Iterator[Finding]:
    first = _first_of_celery(project)
    if first is not None and not _installs(project):
        package = _package(project)
        advice = knowledge.INSTALL._replace(fix=told(knowledge.INSTALL.fix).format(package=package))
        yield found(advice, *first, "import of celery")
    apps = list(installed_apps(project))
    direct = any(module.ours - {"celeriac"} for module in project.modules) and not _installs(project)
    if apps and direct and not any(name.partition(".")[0] == "celeriac" for name, _, _ in apps):
        yield found(knowledge.INSTALLED_APP, apps[0][1], apps[0][2], "INSTALLED_APPS")


def _first_of_celery(project: Project) -> tuple[str, int] | None:
    for module in project.modules:
        for node in module.nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for home, _, line in _imported(node):
                    if home.partition(".")[0] == "celery":
                        return module.file, line
    return None


def _installs(project: Project) -> bool:
    """Return whether the project calls install_as_celery() somewhere."""
    return any(
        isinstance(node, ast.Call) and module.meaning(node.func).endswith("install_as_celery")
        for module in project.modules
        for node in module.nodes
    )


def _package(project: Project) -> str:
    """Return the folder of the project's own package, as a path that ends in a slash; empty where it is not clear."""
    for module in project.modules:
        parts = module.file.split("/")
        if len(parts) > 1 and (parts[-1].startswith("settings") or parts[-2] == "settings" or parts[-1] == "celery.py"):
            return "/".join(parts[:-2] if parts[-2] == "settings" else parts[:-1]) + "/"
    return "the project's "
