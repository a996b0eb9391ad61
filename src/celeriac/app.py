"""The app: settings, tasks and the way to the broker (celery.app.base)."""

from __future__ import annotations

import importlib
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar, overload
from zoneinfo import ZoneInfo

from celeriac import current, signals
from celeriac.calling import Plan, build_job, publish
from celeriac.canvas import Signature, signature
from celeriac.conf import Conf, Reading, Settings
from celeriac.conf.reading import Source, django_settings, django_source, source_of
from celeriac.conf.routes import Router
from celeriac.control import Control
from celeriac.declaring import make_task, task_name
from celeriac.discovery import Discovery
from celeriac.engine.clock import Clock, SystemClock
from celeriac.engine.registry import Registry
from celeriac.engine.worker.attempt import AttemptRunner
from celeriac.exceptions import AlwaysEagerIgnored, DuplicateTaskNameWarning
from celeriac.proxies import current_app
from celeriac.result import AsyncResult
from celeriac.task import Task as BaseTask

__all__ = ["Celery", "current_app"]

AnyTask = BaseTask[Any, Any]
P = ParamSpec("P")
R = TypeVar("R")


class Celery:
    """A Celeriac app. A Django project needs none: without one, a default app reads Django's settings.

    ``main`` is the package's name for tasks declared in ``__main__``. Arguments of Celery's that choose its own parts
    (``loader``,
    ``amqp``, ...) are accepted and change nothing.
    """

    def __init__(
        self,
        main: str | None = None,
        loader: Any = None,
        backend: Any = None,
        amqp: Any = None,
        events: Any = None,
        log: Any = None,
        control: Any = None,
        set_as_current: bool = True,
        tasks: Any = None,
        broker: str | None = None,
        include: Iterable[str] | None = None,
        changes: Mapping[str, Any] | None = None,
        config_source: Any = None,
        fixups: Any = None,
        task_cls: Any = None,
        autofinalize: bool = True,
        namespace: str | None = None,
        strict_typing: bool = True,
        **options: Any,
    ) -> None:
        self.main = main
        self.strict_typing = strict_typing
        self.clock: Clock = SystemClock()
        self.tasks = Registry()
        self.control = Control(self)
        self.user_options: dict[str, Any] = {}
        self.finalized = False
        self._task_class = task_cls
        self._source: tuple[Any, str | None] | None = None if config_source is None else (config_source, namespace)
        self._discoveries: list[Discovery] = []
        self._plans: dict[str, Plan] = {}
        self._router: tuple[int, Router] | None = None
        self._local = threading.local()
        self._lock = threading.RLock()
        self.on_configure = signals.Signal("app.on_configure")
        self.on_after_configure = signals.Signal("app.on_after_configure")
        self.on_after_finalize = signals.Signal("app.on_after_finalize")
        self.on_after_fork = signals.Signal("app.on_after_fork")
        self.conf = Conf(self._sources, self._configured)
        self.conf.update({**_given(broker_url=broker, result_backend=backend, include=include), **(changes or {})})
        for argument in ("result_backend", "timezone", "task_always_eager"):
            if argument in options:
                self.conf[argument] = options[argument]
        current.add_app(self)
        if set_as_current:
            self.set_current()

    # -- settings
    # ----------------------------------------------------------------------------------------------------------------

    def config_from_object(self, obj: Any, silent: bool = False, force: bool = False, namespace: str | None = None) -> None:
        """Read the settings of an object, a module or a dict, or of what a dotted name names, at their first use.

        With ``namespace="CELERY"`` only names that begin with ``CELERY_``. Raises ``ImproperlyConfigured``, with ``force`` at
        once.
        """
        self._source = (obj, namespace)
        self.conf.forget()
        if force:
            self.conf.read()

    def config_from_envvar(self, variable_name: str, silent: bool = False, force: bool = False) -> None:
        """``config_from_object`` with the name that an environment variable holds."""
        name = os.environ.get(variable_name)
        if name:
            self.config_from_object(name, force=force)
        elif not silent:
            raise LookupError(f"The environment variable {variable_name} is not set; it should name a module of settings.")

    def add_defaults(self, fun: Any) -> None:
        """Set what holds where the project says nothing."""
        self.conf.add_defaults(fun)

    @property
    def settings(self) -> Settings:
        """The validated settings. Raises ``ImproperlyConfigured``."""
        return self.conf.settings

    def reading(self) -> Reading:
        """Return the settings with their errors, warnings and notes, raising nothing: for system checks and start-up texts."""
        return self.conf.read()

    def _sources(self) -> tuple[list[Source], Any, str | None]:
        """Return what the project wrote: Celery's names, the dict ``CELERIAC``, and Django's time zone."""
        self.on_configure.send(sender=self)
        django = django_settings()
        source = django_source() if self._source is None else source_of(*self._source)
        sources = [source] if source is not None else []
        return sources, getattr(django, "CELERIAC", None), getattr(django, "TIME_ZONE", None)

    def _configured(self, settings: Settings) -> None:
        self._plans.clear()
        if self.finalized:
            for task in self.tasks.values():
                self._prepare(task, settings)

    @property
    def router(self) -> Router:
        """The task routes."""
        version = self.conf.version
        if self._router is None or self._router[0] != version:
            self._router = (version, Router(self.settings.routes))
        return self._router[1]

    # -- tasks
    # -------------------------------------------------------------------------------------------------------------------

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
            return self.adopt(make_task(function, self, dict(options)))

        return decorate if function is None else decorate(function)

    def register_task(self, task: Any, **options: Any) -> AnyTask:
        """Register a task made by hand: an instance of a subclass of ``Task``, or the subclass."""
        made: AnyTask = task() if isinstance(task, type) else task
        kind = type(made)
        made.declare(made.name or task_name(self, kind.__name__, kind.__module__), self)
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
            self._prepare(task, self.settings)
        return task

    def _prepare(self, task: AnyTask, settings: Settings) -> None:
        annotations = settings.annotations
        for option, value in {**annotations.get("*", {}), **annotations.get(task.name, {})}.items():
            setattr(task, option, value)
        task.adopt(settings)

    @property
    def registry(self) -> Registry:
        """The tasks by name: what the engine looks a job's task up in."""
        return self.tasks

    def gen_task_name(self, name: str, module: str) -> str:
        """Return the name of a task by its function's name and module."""
        return task_name(self, name, module)

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
        for module in (*self.settings.imports, *self.settings.include):
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
            for task in list(self.tasks.values()):
                self._prepare(task, settings)
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

    # -- jobs
    # --------------------------------------------------------------------------------------------------------------------

    def send_task(
        self,
        name: str,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        countdown: float | None = None,
        eta: Any = None,
        task_id: str | None = None,
        producer: Any = None,
        connection: Any = None,
        router: Any = None,
        result_cls: Any = None,
        expires: Any = None,
        publisher: Any = None,
        link: Any = None,
        link_error: Any = None,
        **options: Any,
    ) -> AsyncResult[Any]:
        """Enqueue a job of a task known by its name alone; it need not be registered here.

        Of one that is, the options count.
        """
        if self.settings.always_eager:
            warnings.warn(
                "task_always_eager has no effect on send_task: the job is enqueued.", AlwaysEagerIgnored, stacklevel=2
            )
        task = self.tasks.get_task(name)
        given = _given(countdown=countdown, eta=eta, task_id=task_id, expires=expires, link=link, link_error=link_error)
        job = build_job(self, name, task, tuple(args or ()), kwargs or {}, {**options, **given})
        publish(self, (job,))
        result: AsyncResult[Any] = AsyncResult(job.id, None, name, self)
        result.ignored = bool(options.get("ignore_result"))
        return result

    def signature(self, *args: Any, **kwargs: Any) -> Signature:
        """Return a signature that is called in this app."""
        kwargs["app"] = self
        return signature(*args, **kwargs)

    subtask = signature

    def AsyncResult(self, id: str, **kwargs: Any) -> AsyncResult[Any]:  # noqa: N802 - Celery's name
        """Return the result of a job."""
        return AsyncResult(id, app=self, **kwargs)

    def plan(self, name: str, task: AnyTask | None) -> Plan:
        """Return what every plain call of a task has in common."""
        found = self._plans.get(name)
        if found is None or found.version != self.conf.version:
            if not self.finalized:
                self.finalize()
            found = self._plans[name] = Plan(self, name, task, self.conf.version)
        return found

    def forget_plan(self, name: str) -> None:
        """An option of the task was changed."""
        self._plans.pop(name, None)

    # -- engine
    # ------------------------------------------------------------------------------------------------------------------

    def broker(self) -> Any:
        """Return the broker and store that this thread uses."""
        local = self._local
        url = self.settings.broker_url
        if getattr(local, "url", None) != url or local.pid != os.getpid():
            from celeriac.engine.brokers.factory import connect

            local.broker, local.url, local.pid = connect(url), url, os.getpid()
        return local.broker

    def release_thread(self) -> None:
        """Let go of what this thread has opened, Django's connections among it. For threads that end."""
        if vars(self._local).pop("broker", None) is None:
            return
        vars(self._local).clear()
        if self.settings.broker_url.startswith("django:"):
            from django.db import connections

            connections.close_all()

    def runner(self, **parts: Any) -> AttemptRunner:
        """Return a runner of attempts of this app's tasks, with signals and follow-ups; ``parts`` are the worker's."""
        from celeriac.followups import build_follow_ups, prepare
        from celeriac.observer import SignalObserver

        observers = [SignalObserver(self.clock), *parts.pop("observers", ())]
        return AttemptRunner(self.tasks, self.clock, observers=observers, follow_ups=build_follow_ups, prepare=prepare, **parts)

    # -- the rest
    # ------------------------------------------------------------------------------------------------------------------

    def set_current(self) -> None:
        """Make this the current app."""
        current.set_current_app(self)

    set_default = set_current

    def close(self) -> None:
        """Be the current app no more."""
        if current.is_current(self):
            current.set_current_app(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def current_task(self) -> Any:
        """The task that runs in this thread or coroutine, or None."""
        return current.current_task()

    @property
    def timezone(self) -> tzinfo:
        """The zone of times without one."""
        return ZoneInfo(self.settings.timezone)

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.fromtimestamp(self.clock.wall(), UTC)

    def add_periodic_task(
        self, schedule: Any, sig: Any, args: Any = (), kwargs: Any = None, name: str | None = None, **opts: Any
    ) -> str:
        """Declare a periodic task. It is kept in ``conf.beat_schedule``; schedules do not run in this version."""
        name = name or repr(sig)
        entry = {"schedule": schedule, "task": sig.name, "args": [*args, *sig.args], "kwargs": {**sig.kwargs, **(kwargs or {})}}
        self.conf.beat_schedule = {**self.settings.beat_schedule, name: {**entry, "options": {**sig.options, **opts}}}
        return name

    def start(self, argv: list[str] | None = None) -> None:
        """Run the command line."""
        from celeriac.cli import main  # the commands are needed by nothing else

        main(argv)

    def worker_main(self, argv: list[str] | None = None) -> None:
        """Run a worker with these arguments."""
        self.start(argv)

    def __repr__(self) -> str:
        return f"<Celery {self.main or '__main__'}>"

    def __reduce__(self) -> Any:
        return current.current_app, ()


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _place(task: AnyTask) -> str:
    kind = type(task)
    return f"{kind.__module__}.{kind.__qualname__}"


def _same_place(one: AnyTask, other: AnyTask) -> bool:
    """Return whether both were made from the same lines: a module that is reloaded declares its tasks again."""
    return _place(one) == _place(other)
