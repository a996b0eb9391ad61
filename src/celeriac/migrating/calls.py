"""What a project's code does with tasks and with its Celery object: calls, workflows, control."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeriac.app import Celery
from celeriac.compat.modules import WORKFLOWS as LATER
from celeriac.control import Control
from celeriac.migrating import knowledge
from celeriac.migrating.finding import Advice, Finding, found
from celeriac.migrating.project import APP, CLASSES, Module, Project
from celeriac.migrating.rules import advice_for
from celeriac.migrating.settings import SettingsReader
from celeriac.migrating.tasks import Declared, declared
from celeriac.migrating.values import dotted, keywords_of, value_of
from celeriac.options import IGNORED

_ENQUEUE = frozenset({"apply_async", "send_task", "apply_async_on_commit"})
_SIGNATURE = frozenset({"s", "si", "signature", "subtask"})
_OF_TASKS = {"map": "xmap", "starmap": "xstarmap", "chunks": "chunks"}
"""Methods of a task that make workflows, and the names these have."""
_OF_SELF = frozenset({"replace", "add_to_chord"})


class CallReader:
    """Looks at every expression of a project."""

    def __init__(self, project: Project, settings: SettingsReader) -> None:
        self._project = project
        self._settings = settings
        self._tasks: list[Declared] = list(declared(project))
        self._names = {task.node.name for task in self._tasks}

    def findings(self) -> Iterator[Finding]:
        """Yield what is to be known about them."""
        for module in self._project.modules:
            for node in module.nodes:
                if isinstance(node, ast.Call):
                    yield from self._of_call(module, node)
                elif isinstance(node, ast.Attribute):
                    yield from self._of_attribute(module, node)
                elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
                    yield from _of_pipe(module, node)
        yield from self._of_bound()

    # -- calls -------------------------------------------------------------------------------------------------------------

    def _of_call(self, module: Module, call: ast.Call) -> Iterator[Finding]:
        meant = module.meaning(call.func)
        name = meant.rpartition(".")[2] or getattr(call.func, "attr", "")
        if name in LATER and meant.rpartition(".")[0] in ("celery", "celery.canvas", "celery.result"):
            yield found(knowledge.WORKFLOWS, module.file, call.lineno, f"{name}(...)")
        if meant in CLASSES:
            yield from _of_constructor(module, call)
        if isinstance(call.func, ast.Attribute):
            yield from self._of_method(module, call, call.func)

    def _of_method(self, module: Module, call: ast.Call, method: ast.Attribute) -> Iterator[Finding]:
        if method.attr in _ENQUEUE:
            yield from self._of_enqueue(module, call)
        if method.attr in _OF_TASKS and _OF_TASKS[method.attr] in LATER and self._is_task(module, method.value):
            yield found(knowledge.WORKFLOWS, module.file, call.lineno, f"{dotted(method)}(...)")
        if method.attr == "revoke" and "signal" in keywords_of(call):
            yield found(knowledge.REVOKE_SIGNAL, module.file, call.lineno, "revoke(signal=...)")

    def _is_task(self, module: Module, node: ast.expr) -> bool:
        name = dotted(node)
        home, _, last = module.meaning(node).rpartition(".")
        return last in self._names and (name in self._names or "tasks" in home)

    def _of_enqueue(self, module: Module, call: ast.Call) -> Iterator[Finding]:
        for name, keyword in keywords_of(call).items():
            advice = judge(name, value_of(keyword.value, module.values))
            if name == "priority" and self._settings.priorities_turn:
                advice = knowledge.PRIORITIES
            if name == "eta" and not self._settings.in_utc and _is_naive(module, keyword.value):
                advice = knowledge.NAIVE_ETA
            if advice is not None and advice.reason:
                yield found(advice, module.file, keyword.value.lineno, f"{name}= of {dotted(call.func) or 'a call'}")

    # -- the Celery object -------------------------------------------------------------------------------------------------

    @staticmethod
    def _of_attribute(module: Module, node: ast.Attribute) -> Iterator[Finding]:
        home, _, name = module.meaning(node).rpartition(".")
        if home == APP and name in knowledge.APP_ATTRIBUTES and not _runs(name):
            yield found(knowledge.APP_ATTRIBUTES[name], module.file, node.lineno, dotted(node))
        elif home == f"{APP}.control" and not hasattr(Control, name):
            yield found(knowledge.CONTROL, module.file, node.lineno, dotted(node))
        elif home == "celery.signals" and name in knowledge.NEVER_SENT:
            yield found(knowledge.NEVER_SENT_ADVICE, module.file, node.lineno, dotted(node))

    # -- self of a bound task ----------------------------------------------------------------------------------------------

    def _of_bound(self) -> Iterator[Finding]:
        for task in self._tasks:
            bound = value_of(task.options.get("bind"), task.module.values) is True
            if isinstance(task.node, ast.ClassDef) or not bound or not task.node.args.args:
                continue
            self_ = task.node.args.args[0].arg
            for node in ast.walk(task.node):
                if isinstance(node, ast.Attribute) and dotted(node.value) == self_ and node.attr in _OF_SELF and LATER:
                    yield found(knowledge.WORKFLOWS, task.module.file, node.lineno, f"{self_}.{node.attr}(...)")


def _runs(attribute: str) -> bool:
    """Return whether a Celery object of ours has this."""
    return hasattr(Celery, attribute)


def judge(option: str, value: object) -> Advice | None:
    """Return what is known about an option of a call."""
    advice = advice_for(knowledge.CALL_OPTIONS.get(option, ()), value)
    if advice is None and option in IGNORED and value is not None:
        return knowledge.NO_OPTION
    return advice


def _of_constructor(module: Module, call: ast.Call) -> Iterator[Finding]:
    for name, keyword in keywords_of(call).items():
        if name in knowledge.APP_ARGUMENTS:
            yield found(knowledge.APP_ARGUMENTS[name], module.file, keyword.value.lineno, f"Celery({name}=...)")


def _of_pipe(module: Module, node: ast.BinOp) -> Iterator[Finding]:
    """``first.s(1) | second.s()``."""
    if "chain" in LATER and any(_is_signature(side) for side in (node.left, node.right)):
        yield found(knowledge.WORKFLOWS, module.file, node.lineno, "signature | signature")


def _is_signature(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SIGNATURE


def _is_naive(module: Module, node: ast.expr) -> bool:
    """Return whether a time is made without a zone: by ``datetime.now()`` or ``datetime.utcnow()``."""
    if isinstance(node, ast.Name) and node.id in module.values:
        node = module.values[node.id]
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call):
            meant = module.meaning(inner.func)
            if meant.endswith(("datetime.utcnow", "datetime.datetime.utcnow")):
                return True
            if meant.endswith("datetime.now") and not inner.args and not inner.keywords:
                return True
    return False
