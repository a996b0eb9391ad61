"""An app's tasks: how they are declared, found, and given what they leave to the settings."""

from __future__ import annotations

import importlib
import threading
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, cast, overload

from celeriac import signals
from celeriac.app.configured import Configured
from celeriac.calling import Plan
from celeriac.conf import Settings
from celeriac.conf.annotations import Annotations
from celeriac.declaring import check_options, make_task, task_name
from celeriac.discovery import Discovery
from celeriac.engine.registry import Registry
from celeriac.exceptions import DuplicateTaskNameWarning
from celeriac.task import Task as BaseTask

if TYPE_CHECKING:
    from celeriac.app.celery import Celery

AnyTask = BaseTask[Any, Any]
P = ParamSpec("P")
R = TypeVar("R")


class Registering(Configured):
    """The part of an app that holds the tasks."""

    def __init__(self, source: tuple[Any, str | None] | None, task_class: Any) -> None:
        super().__init__(source)
        self.tasks = Registry()
        self.finalized = False
        self.on_after_finalize = signals.Signal("app.on_after_finalize")
        self._task_class = task_class
        self._discoveries: list[Discovery] = []
        self._plans: dict[str, Plan] = {}
        self.met_queues: set[str] = set()
        """The queues that jobs were enqueued to, in this process and with the settings of now: see ``queues.meet``."""
        self._lock = threading.RLock()

    @property
    def _app(self) -> Celery:
        return cast("Celery", self)

    def _configured(self, settings: Settings) -> None:
        self._plans.clear()
        self.met_queues.clear()
        if self.finalized:
            self._prepare(self.tasks.values(), settings)

    @overload
    def task(self, function: Callable[P, R], /) -> BaseTask[P, R]: ...
    @overload
    def task(
        self, /, *, bind: Literal[True], **options: Any
    ) -> Callable[[Callable[Concatenate[Any, P], R]], BaseTask[P, R]]: ...
    @overload
    def task(self, /, *, bind: Literal[False] = False, **options: Any) -> Callable[[Callable[P, R]], BaseTask[P, R]]: ...

    def task(self, function: Any = None, /, **options: Any) -> Any:
        """Make a function a task of this app: ``@app.task`` or ``@app.task(bind=True, queue="mail")``."""
        for lazily in ("shared", "lazy", "filter", "_force_evaluate"):
            options.pop(lazily, None)

        def decorate(function: Callable[..., Any]) -> AnyTask:
            return self.adopt(make_task(function, self._app, dict(options)))

        return decorate if function is None else decorate(function)

    def register_task(self, task: Any, **options: Any) -> AnyTask:
        """Register a task made by hand: an instance of a subclass of ``Task``, or the subclass."""
        made: AnyTask = task() if isinstance(task, type) else task
        kind = type(made)
        made.declare(made.name or task_name(self._app, kind.__name__, kind.__module__), self._app)
        return self.adopt(made)

    def adopt(self, task: AnyTask) -> AnyTask:
        """Add a task to the registry.

        Of two functions of one name the first is kept, with a warning; a reloaded one replaces itself.
        """
        known = self.tasks.get_task(task.name)
        if known is not None and known is not task and not _same_place(known, task):
            warnings.warn(
                f"Two tasks are called {task.name!r}: {_place(known)} is kept, {_place(task)} is not. Give one another name=.",
                DuplicateTaskNameWarning,
                stacklevel=4,
            )
            return task
        self.tasks.register(task)
        self._plans.pop(task.name, None)
        if self.finalized:
            self._prepare([task], self.settings)
        return task

    def _prepare(self, tasks: Iterable[AnyTask], settings: Settings) -> None:
        """Give tasks what the settings say of them, then what they leave to the settings."""
        annotations = Annotations(settings.annotations)
        for task in tasks:
            if options := annotations.options(task):
                check_options(task.name, options)
                task.annotate(options)
            task.adopt(settings)

    @property
    def registry(self) -> Registry:
        """The tasks by name: what the engine looks a job's task up in."""
        return self.tasks

    def gen_task_name(self, name: str, module: str) -> str:
        """Return the name of a task by its function's name and module."""
        return task_name(self._app, name, module)

    def autodiscover_tasks(
        self,
        packages: Iterable[str] | Callable[[], Iterable[str]] | None = None,
        related_name: str | None = "tasks",
        force: bool = False,
    ) -> None:
        """Find tasks in the module ``related_name`` of each package, by default of each Django app.

        Now with ``force``, else when the tasks are needed.
        """
        discovery = Discovery(packages, related_name)
        if force:
            discovery.run()
        else:
            self._discoveries.append(discovery)

    def discover(self) -> None:
        """Carry out what ``autodiscover_tasks`` was asked for, and import the modules that the settings name."""
        signals.import_modules.send(sender=self)
        settings = self.conf.read().settings  # whose mistakes are shown by whoever uses them, manage.py check among them
        for module in (*settings.imports, *settings.include):
            importlib.import_module(module)
        while self._discoveries:
            self._discoveries.pop(0).run()

    @property
    def discovers(self) -> bool:
        """Whether ``autodiscover_tasks`` was called and is still to be carried out."""
        return bool(self._discoveries)

    def finalize(self, auto: bool = False) -> None:
        """Give every task what it leaves to the settings. Tasks declared later get theirs at once.

        A second call does nothing.
        """
        with self._lock:
            if self.finalized:
                return
            settings = self.settings
            self.on_after_configure.send(sender=self, source=self.conf)
            self.finalized = True
            self._prepare(list(self.tasks.values()), settings)
        self.on_after_finalize.send(sender=self)

    @property
    def Task(self) -> type[AnyTask]:  # noqa: N802 - Celery's name
        """The class that tasks of this app are derived from."""
        if isinstance(self._task_class, str):
            module, _, name = self._task_class.replace(":", ".").rpartition(".")
            self._task_class = getattr(importlib.import_module(module), name)
        kind: type[AnyTask] = self._task_class or BaseTask
        return kind

    @Task.setter
    def Task(self, kind: Any) -> None:  # noqa: N802 - Celery's name
        self._task_class = kind


def _place(task: AnyTask) -> str:
    kind = type(task)
    return f"{kind.__module__}.{kind.__qualname__}"


def _same_place(one: AnyTask, other: AnyTask) -> bool:
    """Return whether both were made from the same lines: a module that is reloaded declares its tasks again."""
    return _place(one) == _place(other)
