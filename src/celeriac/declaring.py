"""From a function to a task: what ``@shared_task`` and ``@app.task`` do."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, overload

from celeriac import options as opts
from celeriac.current import current_app, share
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _
from celeriac.exceptions import CeleryWarning, NotInThisVersion
from celeriac.rates import check_rate
from celeriac.task import Task
from celeriac.task.options import TaskOptions
from celeriac.transactional import refuse_async

if TYPE_CHECKING:
    from celeriac.app import Celery

P = ParamSpec("P")
R = TypeVar("R")

OF_CELERY = frozenset({
    "Request", "Strategy", "acks_on_failure", "acks_on_failure_or_timeout", "acks_on_timeout", "compression", "delivery_mode",
    "exchange", "exchange_type", "from_config", "immediate", "lazy", "mandatory", "reject_on_worker_lost", "resultrepr_maxsize",
    "retry_on_worker_lost", "shadow_name", "store_errors_even_if_ignored",
})  # fmt: skip
"""Options of Celery's tasks that change nothing here."""


def make_task(function: Callable[..., Any], app: Celery | None, options: dict[str, Any]) -> Task[Any, Any]:
    """Return the task of a function: an instance of a class made for it, derived from ``base``. Not registered yet.

    Raises ``TypeError`` for what is no function, or is a task already; ``ValueError`` for options that contradict each other.
    """
    if isinstance(function, Task):
        raise TypeError(_("{name} is a task already: a task decorator was applied twice.").format(name=function.name))
    if not callable(function):
        raise TypeError(_("A task is made of a function, not of {function!r}.").format(function=function))
    base = options.pop("base", None) or (app.Task if app is not None else current_app().Task)
    name = options.pop("name", None) or task_name(app, function.__name__, function.__module__)
    bind = options.pop("bind", False)
    _check(name, function, base, options)
    run = function if bind else staticmethod(function)
    attributes = {
        **options,
        "run": run,
        "bind": bind,
        "__doc__": function.__doc__,
        "__module__": function.__module__,
        "__qualname__": getattr(function, "__qualname__", function.__name__),
    }
    task: Task[Any, Any] = type(function.__name__, (base,), attributes)()
    task.__dict__["__name__"] = function.__name__
    task.declare(opts.text("The task's name", name), app)
    return task


def task_name(app: Celery | None, name: str, module: str) -> str:
    """Return ``module.name``; for a program run as ``__main__``, the name its app was given."""
    if module == "__main__":
        main = (app or current_app()).main
        spec = getattr(sys.modules.get("__main__"), "__spec__", None)
        module = main if main and main != "default" else getattr(spec, "name", None) or "__main__"
    return f"{module}.{name}"


def _check(name: str, function: Callable[..., Any], base: type[Any], options: dict[str, Any]) -> None:
    if options.pop("pydantic", False):
        raise NotInThisVersion(
            _("{name}: pydantic=True is not in this version. Call Model.model_validate(...) in the task.").format(name=name)
        )
    check_options(name, options)
    if options.get("transactional", getattr(base, "transactional", False)):
        refuse_async(name, function)
    _warn_of_typos(name, base, options)


def check_options(name: str, options: dict[str, Any]) -> None:
    """Bring a task's options into the form it keeps. Raises ``ValueError`` or ``TypeError`` for what cannot be."""
    for retries in ("max_retries",):
        value = options.get(retries)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise ValueError(
                _("{name}: {retries} is {value!r}; expected a whole number from 0 up, or None for ever.").format(
                    name=name, retries=retries, value=value
                )
            )
    for limit in ("time_limit", "soft_time_limit"):
        options.update({limit: opts.limit(limit, options[limit])} if limit in options else {})
    opts.check_limits(options.get("soft_time_limit"), options.get("time_limit"))
    check_rate(name, options.get("rate_limit"))
    for kinds in ("autoretry_for", "dont_autoretry_for", "throws"):
        if kinds in options:
            options[kinds] = _exceptions(name, kinds, options[kinds])


def _exceptions(name: str, option: str, value: Any) -> tuple[type[BaseException], ...]:
    several = (value,) if isinstance(value, type) else tuple(value or ())
    for kind in several:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(
                _("{name}: {option} holds {kind!r}; expected exception classes.").format(name=name, option=option, kind=kind)
            )
    return several


def _warn_of_typos(name: str, base: type[Any], options: dict[str, Any]) -> None:
    """Any other option becomes an attribute of the task, as in Celery; one that is nearly an option is more likely a slip."""
    known = [option for option in vars(TaskOptions) if not option.startswith("_")]
    for option in options:
        if option in OF_CELERY or hasattr(base, option):
            continue
        if hint := did_you_mean(option, known):
            warnings.warn(f"The task {name} has the option {option!r}, which nothing reads.{hint}", CeleryWarning, stacklevel=5)


@overload
def shared_task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def shared_task(*, bind: Literal[True], **options: Any) -> Callable[[Callable[Concatenate[Any, P], R]], Task[P, R]]: ...
@overload
def shared_task(*, bind: Literal[False] = False, **options: Any) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def shared_task(function: Any = None, /, **options: Any) -> Any:
    """Make a function a task of every app: ``@shared_task`` or ``@shared_task(bind=True, max_retries=5, queue="mail")``.

    The options are the attributes of ``celeriac.Task``; ``name``, ``bind`` and ``base`` (a subclass of ``Task``) among them.
    """

    def decorate(function: Callable[..., Any]) -> Task[Any, Any]:
        task = make_task(function, None, dict(options))
        share(task)
        return task

    return decorate if function is None else decorate(function)
