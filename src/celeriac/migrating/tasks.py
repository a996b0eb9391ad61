"""The tasks of a project: how they are declared, with which options."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from celeriac.declaring import OF_CELERY
from celeriac.migrating import knowledge
from celeriac.migrating.finding import Advice, Finding, found
from celeriac.migrating.project import APP, Module, Project
from celeriac.migrating.rules import advice_for
from celeriac.migrating.settings import SettingsReader
from celeriac.migrating.values import dotted, keywords_of, value_of

DECORATORS = frozenset({
    "celery.shared_task", "celery.app.shared_task", "celery.task.task", "celery.decorators.task", "celery.task.periodic_task",
    "celery.decorators.periodic_task", f"{APP}.task", "celery.task", "celery.task.base.task",
})  # fmt: skip
BASES = frozenset({
    "celery.Task", "celery.app.task.Task", "celery.task.Task", "celery.task.base.Task", "celery.task.PeriodicTask",
    f"{APP}.Task", "celery.app.task.BaseTask", "celery.contrib.django.task.DjangoTask",
})  # fmt: skip


class Declared(NamedTuple):
    """A task: a decorated function, or a class. ``options`` are the values written for it; ``ours``: by celeriac's name."""

    module: Module
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    decorator: str
    options: dict[str, ast.expr]
    ours: bool = False


def declared(project: Project) -> Iterator[Declared]:
    """Yield every task of the project."""
    for module in project.modules:
        for node in module.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _decorated(module, node)
            elif isinstance(node, ast.ClassDef) and any(module.meaning(base) in BASES for base in node.bases):
                yield Declared(module, node, "", _attributes(node))


def _decorated(module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Declared]:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        meant = module.meaning(called)
        if meant in DECORATORS:
            keywords = keywords_of(decorator) if isinstance(decorator, ast.Call) else {}
            options = {name: keyword.value for name, keyword in keywords.items()}
            yield Declared(module, node, meant, options, dotted(called).partition(".")[0] in module.ours)


def _attributes(node: ast.ClassDef) -> dict[str, ast.expr]:
    return {
        target.id: statement.value
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def findings(project: Project, settings: SettingsReader) -> Iterator[Finding]:
    """Yield what is to be known about the tasks."""
    tasks = list(declared(project))
    for task in tasks:
        yield from _of_task(task, settings)
    yield from _acknowledging(tasks, settings)


def _of_task(task: Declared, settings: SettingsReader) -> Iterator[Finding]:
    for name, node in task.options.items():
        advice = judge(name, value_of(node, task.module.values))
        if name == "priority" and settings.priorities_turn:
            advice = knowledge.PRIORITIES
        if advice is not None and advice.reason:
            yield found(advice, task.module.file, node.lineno, f"{name}= of the task {task.node.name}")


def judge(option: str, value: object) -> Advice | None:
    """Return what is known about an option of a task."""
    advice = advice_for(knowledge.TASK_OPTIONS.get(option, ()), value)
    if advice is None and option in OF_CELERY and value is not None:
        return knowledge.NO_OPTION
    return advice


def _acknowledging(tasks: list[Declared], settings: SettingsReader) -> Iterator[Finding]:
    """Where nothing says when jobs are acknowledged, that differs: said once, at the first such task."""
    if settings.value("task_acks_late") is not None:
        return
    silent = [task for task in tasks if not task.ours and "acks_late" not in task.options and task.decorator]
    if silent:
        first = silent[0]
        what = f"the task {first.node.name}" + (f" and {len(silent) - 1} more" if len(silent) > 1 else "")
        yield found(knowledge.AT_LEAST_ONCE, first.module.file, first.node.lineno, what)
