"""The settings of a project: where they are written, under which of Celery's names, and what becomes of each."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from celeriac.conf import serializers
from celeriac.conf.names import CONNECTING, USED, canonical, why_unused
from celeriac.conf.settings import checked
from celeriac.migrating import knowledge
from celeriac.migrating.finding import Advice, Category, Finding, found, told
from celeriac.migrating.project import APP, CLASSES, Module, Project
from celeriac.migrating.rules import advice_for, longest
from celeriac.migrating.values import UNKNOWN, dotted, keywords_of, value_of

_PREFIXES = ("CELERY_", "CELERYD_", "CELERYBEAT_", "BROKER_")
_NAMES = ("settings", "config", "conf", "celery", "local", "env")
"""What the path of a module of settings holds, unless it says INSTALLED_APPS."""
_DJANGOS = frozenset({"INSTALLED_APPS", "ROOT_URLCONF", "SECRET_KEY"})
_CONSTRUCTOR = {"broker": "broker_url", "backend": "result_backend", "include": "include"}


class Setting(NamedTuple):
    """One setting, where it is written. ``known``: its present name in Celery."""

    name: str
    known: str
    value: Any
    file: str
    line: int


class SettingsReader:
    """Finds the settings of Celery in a project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._calls = [
            (module, node) for module in project.modules for node in module.nodes if isinstance(node, ast.Call) and node.args
        ]

    # -- where they are ----------------------------------------------------------------------------------------------------

    @cached_property
    def _sources(self) -> list[tuple[str, str | None]]:
        """What config_from_object was given: the text of its argument, and the namespace."""
        found = []
        for module, call in self._calls:
            if isinstance(call.func, ast.Attribute) and call.func.attr == "config_from_object":
                origin = value_of(call.args[0], module.values)
                space = keywords_of(call).get("namespace")
                namespace = value_of(space.value, module.values) if space else None
                found.append((str(origin) if isinstance(origin, str) else dotted(call.args[0]), namespace))
        return found

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces of the project's Celery objects."""
        return tuple(dict.fromkeys(space for _, space in self._sources if isinstance(space, str) and space))

    def _is_named(self, name: str) -> bool:
        """Return whether a module or class of this name is all settings."""
        last = name.rpartition(".")[2]
        return last == "celeryconfig" or any(
            origin.replace(":", ".").rpartition(".")[2] == last and not origin.startswith("django.conf")
            for origin, namespace in self._sources
            if not namespace
        )

    @cached_property
    def all(self) -> list[Setting]:
        """Every setting of Celery that is written somewhere."""
        return [setting for module in self._project.modules for setting in self._in_module(module)]

    def _in_module(self, module: Module) -> Iterator[Setting]:
        if _holds_settings(module):
            yield from self._assigned(module, module.tree.body, owned=self._is_named(module.dotted_path))
        for node in module.nodes:
            if isinstance(node, ast.Call):
                yield from self._of_call(module, node)
            elif isinstance(node, ast.Assign):
                yield from self._of_conf(module, node)

    def _assigned(self, module: Module, body: Iterable[ast.stmt], owned: bool) -> Iterator[Setting]:
        for name, value, line in _assignments(body):
            known = self._known(name, owned)
            if known:
                yield Setting(name, known, value_of(value, {**module.values, name: ast.Constant(None)}), module.file, line)
        for statement in body:
            if isinstance(statement, ast.ClassDef):
                yield from self._assigned(module, statement.body, self._is_named(statement.name))

    def _known(self, name: str, owned: bool) -> str | None:
        for namespace in self.namespaces:
            if name.startswith(f"{namespace.upper()}_") and (known := canonical(name, namespace)):
                return known
        return canonical(name) if owned or name.startswith(_PREFIXES) else None

    def _of_call(self, module: Module, call: ast.Call) -> Iterator[Setting]:
        """``app.conf.update(timezone="UTC")`` and ``Celery("shop", broker="redis://")``."""
        meant = module.meaning(call.func)
        if meant == f"{APP}.conf.update":
            dicts = [argument for argument in call.args if isinstance(argument, ast.Dict)]
            written = [(value_of(key, {}), value) for one in dicts for key, value in zip(one.keys, one.values, strict=True)]
            written += [(name, keyword.value) for name, keyword in keywords_of(call).items()]
        elif meant in CLASSES:
            written = [(_CONSTRUCTOR.get(name, name), keyword.value) for name, keyword in keywords_of(call).items()]
        else:
            return
        for name, value in written:
            if isinstance(name, str) and (known := canonical(name)):
                yield Setting(name, known, value_of(value, module.values), module.file, value.lineno)

    @staticmethod
    def _of_conf(module: Module, node: ast.Assign) -> Iterator[Setting]:
        """``app.conf.timezone = "UTC"``."""
        for target in node.targets:
            conf, _, name = module.meaning(target).rpartition(".")
            if isinstance(target, ast.Subscript):
                conf, name = module.meaning(target.value), str(value_of(target.slice, {}))
            if conf == f"{APP}.conf" and (known := canonical(name)):
                yield Setting(name, known, value_of(node.value, module.values), module.file, node.lineno)

    # -- what they say -----------------------------------------------------------------------------------------------------

    def value(self, known: str) -> Any:
        """Return the last value written for a setting, ``UNKNOWN`` where the text does not tell, None where there is none."""
        return next((setting.value for setting in reversed(self.all) if setting.known == known), None)

    @cached_property
    def priorities_turn(self) -> bool:
        """Whether the project's priorities were written for Redis, where 0 is the most urgent, as far as is written."""
        turned = any("REVERSE_PRIORITY" in _keys(module.values.get("CELERIAC")) for module in self._project.modules)
        return not turned and any(s.known == "broker_url" and str(s.value).startswith("redis") for s in self.all)

    @cached_property
    def in_utc(self) -> bool:
        """Whether times without a zone mean the same as in Celery."""
        zones = [setting.value for setting in self.all if setting.known == "timezone"]
        zones = zones or [
            value_of(value, module.values)
            for module in self._project.modules
            for name, value, _ in _assignments(module.tree.body)
            if name == "TIME_ZONE"
        ]
        return bool(zones) and all(zone in ("UTC", "Etc/UTC", "GMT") for zone in zones)

    def findings(self) -> Iterator[Finding]:
        """Yield what is to be known about the settings."""
        for setting in self.all:
            turns = setting.known == "task_default_priority" and self.priorities_turn
            advice = knowledge.PRIORITIES if turns else judge(setting)
            if advice is not None and advice.reason:
                yield found(advice, setting.file, setting.line, _shown(setting))


def _keys(node: ast.expr | None) -> list[Any]:
    return [value_of(key, {}) for key in node.keys] if isinstance(node, ast.Dict) else []


def judge(setting: Setting) -> Advice | None:
    """Return what is known about a setting with its value."""
    rules = knowledge.SETTINGS.get(setting.known, ())
    advice = advice_for(rules, setting.value)
    if advice is not None:
        return advice
    if setting.known in USED:
        return _mistake(setting)
    if setting.known in serializers.SETTINGS and setting.value is not UNKNOWN:
        return _of_serializer(setting)
    return None if setting.known in CONNECTING else _unused(setting)


def _of_serializer(setting: Setting) -> Advice | None:
    try:
        serializers.check_serializer(setting.value)
    except ValueError:
        return knowledge.PICKLE
    return None if serializers.says_json(setting.value) else _unused(setting)


def _unused(setting: Setting) -> Advice | None:
    why = told(why_unused(setting.known, setting.value))
    return knowledge.NO_SETTING._replace(reason=why[0].upper() + why[1:]) if why and setting.value is not None else None


def _mistake(setting: Setting) -> Advice | None:
    if not _is_whole(setting.value):
        return None
    try:
        checked(USED[setting.known], setting.value)
    except ValueError as error:
        return Advice(Category.UNSUPPORTED, f"The value cannot be: expected {error}.", "Change the value.")
    return None


def _is_whole(value: Any) -> bool:
    """Return whether nothing in a value is unknown."""
    if isinstance(value, Mapping):
        return all(_is_whole(one) for one in value.values())
    if isinstance(value, list):
        return all(_is_whole(one) for one in value)
    return value is not UNKNOWN and not (isinstance(value, str) and "?" in value)


def _shown(setting: Setting) -> str:
    """Return the setting with its value where that is short and no secret: of a URL only what it begins with."""
    value = setting.value
    if isinstance(value, str) and "://" in value:
        return f"{setting.name} = {value.partition('://')[0]}://..."
    if isinstance(value, bool | int | float) or (
        isinstance(value, str) and setting.known in (*knowledge.SETTINGS, *serializers.SETTINGS, "timezone")
    ):
        return f"{setting.name} = {value!r}"
    return setting.name


def _holds_settings(module: Module) -> bool:
    parts = [part.lower() for part in PurePosixPath(module.file).with_suffix("").parts]
    return any(word in part for word in _NAMES for part in parts) or not _DJANGOS.isdisjoint(module.values)


def _assignments(body: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.expr, int]]:
    """Yield each name, its value and line, also inside ``if``, ``try`` and ``with``."""
    for statement in body:
        if isinstance(statement, ast.Assign):
            yield from (
                (target.id, statement.value, statement.lineno) for target in statement.targets if isinstance(target, ast.Name)
            )
        elif isinstance(statement, ast.AnnAssign) and statement.value and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.value, statement.lineno
        for inner in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _assignments(getattr(statement, inner, []))


# -- INSTALLED_APPS --------------------------------------------------------------------------------------------------------


def installed_apps(project: Project) -> Iterator[tuple[str, str, int]]:
    """Yield each name in a list of apps, with its file and line."""
    for module in project.modules:
        for node in module.nodes:
            for constant in _listed(node):
                yield constant.value, module.file, constant.lineno


def _listed(node: ast.AST) -> list[Any]:
    """Return the texts in a list of apps, and in what is added to one."""
    value: ast.expr | None = None
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        value = node.value if any(_is_apps(target) for target in targets) else None
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_apps(node.func.value):
        value = ast.Tuple(list(node.args))
    inside = ast.walk(value) if value is not None else ()
    return [found for found in inside if isinstance(found, ast.Constant) and isinstance(found.value, str)]


def _is_apps(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and (node.id == "INSTALLED_APPS" or node.id.endswith("_APPS"))


def app_findings(project: Project) -> Iterator[Finding]:
    """Yield what is to be known about the installed apps."""
    for name, file, line in installed_apps(project):
        advice = longest(knowledge.APPS, name)
        if advice is not None:
            yield found(advice, file, line, f"{name!r} in INSTALLED_APPS")
