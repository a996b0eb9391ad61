"""The app: settings, tasks and the way to the broker (celery.app.base)."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Self
from zoneinfo import ZoneInfo

from celeriac import current, signals
from celeriac.app.registering import AnyTask, Registering
from celeriac.calling import Plan, build_job, publish
from celeriac.canvas import Signature, signature
from celeriac.control import Control
from celeriac.engine.attempt.runner import AttemptRunner
from celeriac.engine.clock import Clock, SystemClock
from celeriac.engine.signing import Signer
from celeriac.exceptions import AlwaysEagerIgnored
from celeriac.result import AsyncResult


class Celery(Registering):
    """A Celeriac app. A Django project needs none: without one, a default app reads Django's settings.

    ``main`` is the package's name for tasks declared in ``__main__``. Arguments of Celery's that choose its own parts
    (``loader``, ``amqp``, ...) are accepted and change nothing.
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
        super().__init__(None if config_source is None else (config_source, namespace), task_cls)
        self.main = main
        self.strict_typing = strict_typing
        self.clock: Clock = SystemClock()
        self.control = Control(self)
        self.user_options: dict[str, Any] = {}
        self._local = threading.local()
        self.on_after_fork = signals.Signal("app.on_after_fork")
        self.conf.update({**_given(broker_url=broker, result_backend=backend, include=include), **(changes or {})})
        for argument in ("result_backend", "timezone", "task_always_eager"):
            if argument in options:
                self.conf[argument] = options[argument]
        current.add_app(self)
        if set_as_current:
            self.set_current()

    # -- jobs --------------------------------------------------------------------------------------------------------------

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

    # -- engine ------------------------------------------------------------------------------------------------------------

    def broker(self) -> Any:
        """Return the broker and store that this thread uses."""
        local = self._local
        settings = self.settings
        urls = (settings.broker_url, settings.result_backend)
        if getattr(local, "urls", None) != urls or local.pid != os.getpid():
            from celeriac.engine.brokers.factory import connect
            from celeriac.outbox import with_outbox  # loads Django's database layer

            broker = connect(settings.broker_url, settings.results)
            local.broker, local.urls, local.pid = with_outbox(self, broker), urls, os.getpid()
        return local.broker

    def release_thread(self) -> None:
        """Let go of what this thread has opened, Django's connections among it. For threads that end."""
        if vars(self._local).pop("broker", None) is None:
            return
        vars(self._local).clear()
        if any(url.startswith("django:") for url in (self.settings.broker_url, self.settings.results or "")):
            from django.db import connections

            connections.close_all()

    def runner(self, **parts: Any) -> AttemptRunner:
        """Return a runner of attempts of this app's tasks, with signals and follow-ups; ``parts`` are the worker's.

        ``queues`` among them are those that it takes jobs from.
        """
        from celeriac.followups import build_follow_ups, prepare
        from celeriac.observer import SignalObserver

        observers = [SignalObserver(self.clock), *parts.pop("observers", ())]
        queues = parts.pop("queues", None)
        parts["cipher"] = self.cipher
        if self.settings.signing_keys and not parts.get("is_eager"):  # an eager job has not travelled
            parts["signer"] = Signer(self.settings.signing_keys, queues)
        return AttemptRunner(self.tasks, self.clock, observers=observers, follow_ups=build_follow_ups, prepare=prepare, **parts)

    # -- the rest ----------------------------------------------------------------------------------------------------------

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
        """Declare a periodic task: an entry of ``conf.beat_schedule``. Returns its name, by default what calls it."""
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
