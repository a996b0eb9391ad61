"""A Task of Django as a task of Celeriac: what a worker finds in the registry, under the function's dotted path."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, cast

from celeriac import options as opts
from celeriac.app import Celery
from celeriac.arguments import ArgumentCheck
from celeriac.backend.djangotasks import InvalidTask, Task, TaskResult, normalize_json, signals, task_backends
from celeriac.backend.result import error_from
from celeriac.backend.running import context_of, finish, outside_loop, running_result
from celeriac.backend.task import CeleriacTask, options_of
from celeriac.current import share
from celeriac.declaring import make_task
from celeriac.engine.errors import Retry, TaskError
from celeriac.engine.request import Request, current_request
from celeriac.engine.retry import retries_left
from celeriac.engine.translation import gettext as _
from celeriac.task import Task as BaseTask

GRACE = 5.0
"""Seconds between the exception that ends an attempt at its ``timeout`` and the end of its process."""


class RunnableTask(BaseTask[Any, Any]):
    """A task whose function was given to Django's ``@task``. It tells Django's signals."""

    django_task: Task
    _tells_function: bool
    """Whether the function, or its backoff, is shown the result of the job."""

    def declare(self, name: str, app: Celery | None) -> None:
        """As for any task; what is called is the function, with its context and its backoff."""
        super().declare(name, app)
        if self.django_task.takes_context:
            self._check = ArgumentCheck(name, partial(self.run, None))
        self._tells_function = self.django_task.takes_context or options_of(self.django_task)["backoff"] is not None
        self._body = self._run_async if self.is_async else self._run

    def checked(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
        """Return arguments as they are. Raises ``TypeError`` where they do not fit the function."""
        return self._checked(args, kwargs)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return normalized(self.run(*self._context(), *args, **kwargs))
        except Exception as error:
            self._retry(error)
            raise

    async def _run_async(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return normalized(await self.run(*self._context(), *args, **kwargs))
        except Exception as error:
            self._retry(error)
            raise

    def _context(self) -> tuple[Any, ...]:
        return (context_of(self.django_task, _request()),) if self.django_task.takes_context else ()

    def _retry(self, error: Exception) -> None:
        """Ask the task's own ``backoff`` when to run again. Without one, ``autoretry_for`` decides."""
        ask = options_of(self.django_task)["backoff"]
        if ask is None or isinstance(error, TaskError) or not retries_left(self.max_retries, _request().retries):
            return
        result = running_result(self.django_task, _request())
        result.errors.append(error_from(error))
        delay = ask(error, result)
        result.errors.pop()
        if delay is not None:
            raise Retry(exc=error, when=_delay(self.name, delay)) from error

    # -- hooks: Django's signals -------------------------------------------------------------------------------------------

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Send ``task_started``."""
        if _is_heard(signals.task_started, logging.INFO):
            _send(signals.task_started, running_result(self.django_task, _request()))
        elif self._tells_function:
            running_result(self.django_task, _request())  # now: the function may leave a transaction that cannot be read in

    def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Send ``task_finished``, unless there will be another attempt."""
        error = retval if status != "SUCCESS" else None
        if status == "RETRY" or not _is_heard(signals.task_finished, logging.INFO if error is None else logging.ERROR):
            return
        request = current_request.get()
        if request is None or request.id != task_id:  # its process was killed, and this one only tells of it
            _send(signals.task_finished, task_backends[self.django_task.backend].get_result(task_id), error)
            return
        result = running_result(self.django_task, request)
        finish(result, retval, error)
        _send(signals.task_finished, result, error)

    @property
    def told_when_killed(self) -> bool:
        """Whether anybody but Django's own log listens: only then a worker keeps a process to tell it in."""
        return _has_listeners(signals.task_finished)


def _has_listeners(signal: Any) -> bool:
    """Return whether a signal has receivers besides the one that logs, which is Django's own."""
    return len(signal.receivers) > 1


def _is_heard(signal: Any, level: int) -> bool:
    """Return whether anything becomes of a signal: it costs a job as much as all the rest of its attempt."""
    return _has_listeners(signal) or signals.logger.isEnabledFor(level)


def _send(signal: Any, result: TaskResult, error: BaseException | None = None) -> None:
    """Send a signal; a receiver that raises is logged by Django. Receivers may use the database."""
    alias = result.backend if result.backend in task_backends.settings else result.task.backend
    sender = type(task_backends[alias])

    def send() -> None:
        if error is None:
            signal.send_robust(sender, task_result=result)
        else:
            _while_handling(error, lambda: signal.send_robust(sender, task_result=result))

    if _has_listeners(signal):
        outside_loop(send)
    else:
        send()


def _while_handling(error: BaseException, action: Callable[[], Any]) -> None:
    """Call as from an ``except`` block: receivers, Django's own log among them, look at ``sys.exc_info()``."""
    traceback = error.__traceback__
    try:
        raise error
    except BaseException:  # noqa: BLE001 - it was raised one line above
        action()
    finally:
        error.__traceback__ = traceback


def _request() -> Request:
    request = current_request.get()
    assert request is not None  # a worker sets it before it calls anything of a task
    return request


def normalized(value: Any) -> Any:
    """Return a value as Django's backends keep it.

    What Django would refuse is left to the engine, which keeps dates, decimals and UUIDs, and fails the job over the rest.
    """
    try:
        return normalize_json(value)
    except (TypeError, ValueError):
        return value


def _delay(name: str, delay: Any) -> float:
    if isinstance(delay, timedelta):
        delay = delay.total_seconds()
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay < float("inf"):
        raise TypeError(
            _("{name}: backoff() returned {delay!r}; expected seconds, a timedelta, or None for no other attempt.").format(
                name=name, delay=delay
            )
        )
    return float(delay)


# -- the registry --------------------------------------------------------------------------------------------------------------

_registered: dict[str, RunnableTask] = {}


def register(task: Task) -> RunnableTask:
    """Return what runs a Task, made and made known to every app at the first call for its function.

    Raises ``InvalidTask`` for options that cannot be, or that differ from those the function was given before.
    """
    name = task.module_path
    found = _registered.get(name)
    if found is None or found.django_task.func is not task.func:  # not known, or its module was loaded anew
        found = _registered[name] = _runnable(task)
        share(found)
    elif found.django_task is task:
        return found
    elif isinstance(task, CeleriacTask) and options_of(task) != options_of(found.django_task):
        raise InvalidTask(
            _("{name} is a task already, with other options. Give each set of options a function of its own.").format(name=name)
        )
    return found


def register_declared() -> None:
    """Register every Task that a loaded module holds, whichever backend it was declared with."""
    for module in list(sys.modules.values()):
        for value in list(getattr(module, "__dict__", {}).values()):
            # Not isinstance: that would evaluate what is lazy.
            if issubclass(type(value), Task):  # type: ignore[misc]  # it has parameters for a type checker only
                register(value)


def _runnable(task: Task) -> RunnableTask:
    options = options_of(task)
    attempts = options["max_attempts"]
    if attempts is not None and (not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1):
        raise InvalidTask(
            _("{name}: max_attempts is {attempts!r}; expected a whole number from 1 up, or None for ever.").format(
                name=task.module_path, attempts=attempts
            )
        )
    if options["backoff"] is not None and not callable(options["backoff"]):
        raise InvalidTask(
            _("{name}: backoff is {backoff!r}; expected a function of (exception, task_result) that returns seconds.").format(
                name=task.module_path, backoff=options["backoff"]
            )
        )
    if not isinstance(options["transactional"], bool):
        raise InvalidTask(
            _("{name}: transactional is {transactional!r}; expected True or False.").format(
                name=task.module_path, transactional=options["transactional"]
            )
        )
    try:
        opts.limit("expires", options["expires"])
        return cast(RunnableTask, make_task(task.func, None, {"base": _base(task), **_of_celeriac(task, options)}))
    except (TypeError, ValueError) as error:
        raise InvalidTask(str(error)) from error


def _base(task: Task) -> type[RunnableTask]:
    return type("RunnableTask", (RunnableTask,), {"django_task": task})


def _of_celeriac(task: Task, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options under the names that they have for a task of Celeriac."""
    attempts, timeout = options["max_attempts"], opts.limit("timeout", options["timeout"])
    automatic = attempts != 1 and options["backoff"] is None
    return {
        "name": task.module_path,
        "queue": task.queue_name,
        "max_retries": None if attempts is None else attempts - 1,
        "autoretry_for": (Exception,) if automatic else (),
        "retry_backoff": automatic,
        "expires": options["expires"],
        "transactional": options["transactional"],
        "soft_time_limit": timeout,
        "time_limit": None if timeout is None else timeout + GRACE,
    }
