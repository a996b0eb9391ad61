"""A task: a function that can be called now, or as a job later (celery.app.task)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, ParamSpec, TypeVar

from celeriac import reports
from celeriac.arguments import ArgumentCheck
from celeriac.calling import EXECUTION_OPTIONS, build_job, publish
from celeriac.canvas import Signature, no_workflows
from celeriac.current import apps, current_app
from celeriac.engine.errors import MaxRetriesExceededError, OperationalError, Retry
from celeriac.engine.request import Request, current_request
from celeriac.engine.translation import gettext as _
from celeriac.rates import check_rate, seconds_apart
from celeriac.result import AsyncResult
from celeriac.retrying import ask_for_retry
from celeriac.task.options import FROM_SETTINGS, HOOKS, OF_THE_KILLED, TaskOptions
from celeriac.transactional import check_transactional

if TYPE_CHECKING:
    from celeriac.app import Celery
    from celeriac.conf import Settings
    from celeriac.result import EagerResult

P = ParamSpec("P")
R = TypeVar("R")

_PLANNED = frozenset(EXECUTION_OPTIONS)


class Task(TaskOptions, Generic[P, R]):
    """One task: a function, its options, and the ways to call it."""

    is_async: bool = False
    overrides: frozenset[str] = frozenset()
    MaxRetriesExceededError: ClassVar[type[Exception]] = MaxRetriesExceededError
    OperationalError: ClassVar[type[Exception]] = OperationalError

    _app: Celery | None = None
    _check: ArgumentCheck | None = None
    _body: Callable[..., Any]
    _from_settings: dict[str, Any]
    _calls_itself: bool = False

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """The function. A subclass defines it, unless it is made by a decorator."""
        raise NotImplementedError(_("The task {name} must define run().").format(name=self.name or type(self).__name__))

    # -- becoming one of an app's tasks ------------------------------------------------------------------------------------

    def declare(self, name: str, app: Celery | None) -> None:
        """Fix what is known at declaration: called once, before the task is registered. ``app`` None: whichever is current."""
        self.name = name
        self._app = app
        self._from_settings = {}
        check_rate(name, self.rate_limit)
        kind = type(self)
        self._calls_itself = kind.__call__ is not Task.__call__
        self._body = self if self._calls_itself else self.run
        self.is_async = is_async(self.run)
        self.overrides = frozenset(hook for hook in HOOKS if getattr(kind, hook) is not getattr(Task, hook))
        kind.on_bound(app)

    def adopt(self, settings: Settings) -> None:
        """Take from the settings what the task leaves to them. Called when an app is finalized, and when a setting changes."""
        own = vars(self)
        values = {option: getattr(settings, field) for option, field in FROM_SETTINGS.items()}
        values["ignore_result"] = not settings.keeps_results
        for option, value in values.items():
            untouched = option not in own or own[option] is self._from_settings.get(option)
            if getattr(type(self), option) is None and untouched:
                own[option] = self._from_settings[option] = value
        check_transactional(self, settings)

    def annotate(self, options: Mapping[str, Any]) -> None:
        """Take options from ``task_annotations``. A function becomes a method, a hook such as ``on_failure`` among them."""
        for option, value in options.items():
            setattr(self, option, MethodType(value, self) if isinstance(value, FunctionType) else value)
        self.overrides |= frozenset(HOOKS) & options.keys()

    @property
    def apart(self) -> float:
        """The seconds between two starts of the task's jobs, by its rate limit; 0.0 for none."""
        return seconds_apart(self.rate_limit)

    @property
    def told_when_killed(self) -> bool:
        """Whether a hook is to be called for a job whose child was killed: a worker keeps a process for that."""
        return bool(self.overrides & OF_THE_KILLED)

    def body(self) -> Callable[..., Any]:
        """Return what a worker calls: ``run``, or the task itself where its class has a ``__call__`` of its own."""
        return self._body

    @property
    def app(self) -> Celery:
        """The app of the task; the current one for a shared task."""
        return self._app or current_app()

    @classmethod
    def on_bound(cls, app: Any) -> None:
        """Called when the task is declared. For subclasses."""

    @property
    def __wrapped__(self) -> Callable[P, R]:
        return self.run

    # -- calling -----------------------------------------------------------------------------------------------------------

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, here and now, without a job. Of an ``async def`` task, return the coroutine."""
        outer = current_request.get()
        if self._calls_itself and outer is not None and self._is_first_call(outer):
            result: R = self.run(*args, **kwargs)
            return result
        token = current_request.set(Request(None, self.name, args, kwargs, called_directly=True, outer=outer))
        try:
            return self.run(*args, **kwargs)  # type: ignore[no-any-return]  # run is what the decorator was given: it returns R
        finally:
            current_request.reset(token)

    def _is_first_call(self, request: Request) -> bool:
        """Return whether this is the worker's own call of a task that overrides ``__call__``, and not one made by the body."""
        if request.called_directly or request.task != self.name or "entered" in vars(request):
            return False
        vars(request)["entered"] = True
        return True

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Enqueue a job with these arguments."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        producer: Any = None,
        link: Any = None,
        link_error: Any = None,
        shadow: str | None = None,
        **options: Any,
    ) -> AsyncResult[R]:
        """Enqueue a job: ``task.apply_async((1, 2), countdown=10, queue="mail")``.

        Raises ``TypeError`` for arguments that do not fit or are not JSON and for unknown options, ``ValueError`` for options
        out of range, ``PayloadTooLarge``, ``BrokerUnavailable``.
        """
        arguments, keywords = self._checked(args, kwargs)
        if task_id is not None or link is not None or link_error is not None:
            options.update(task_id=task_id, link=link, link_error=link_error)
        app = self.app
        if app.settings.always_eager:
            return self._apply_instead(arguments, keywords, options)
        job = build_job(app, self.name, self, arguments, keywords, options)
        publish(app, (job,))
        return self._result(app, job.id, options)

    def _checked(self, args: Iterable[Any] | None, kwargs: Mapping[str, Any] | None) -> tuple[Any, Mapping[str, Any]]:
        """Return the arguments as a tuple and a mapping. Raises ``TypeError`` where they do not fit the function."""
        arguments = args if type(args) is tuple else _listed(self.name, args)
        keywords = {} if kwargs is None else kwargs
        if self._check is None:
            self._check = ArgumentCheck(self.name, self.run)
        try:
            self._check(arguments, keywords)
        except TypeError:
            if self.app.strict_typing if self.typing is None else self.typing:
                raise
        return arguments, keywords

    def _apply_instead(self, args: Any, kwargs: Mapping[str, Any], options: dict[str, Any]) -> EagerResult[R]:
        """Run now what would have been enqueued, as ``task_always_eager`` asks; keep no result that would not be kept."""
        result = self.apply(args, kwargs, **options)
        result.ignored = self._ignores_result(options)
        return result

    def _ignores_result(self, options: Mapping[str, Any]) -> bool:
        ignored = options.get("ignore_result")
        return bool(self.ignore_result if ignored is None else ignored)

    def _result(self, app: Celery, id: str, options: Mapping[str, Any]) -> AsyncResult[R]:
        result: AsyncResult[R] = AsyncResult(id, None, self.name, self._app)
        result.ignored = self._ignores_result(options)
        request = current_request.get()
        if request is not None and self.trail and options.get("add_to_parent", True):
            request.children.append(result)
        return result

    def apply(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        link: Any = None,
        link_error: Any = None,
        task_id: str | None = None,
        retries: int = 0,
        throw: bool | None = None,
        logfile: Any = None,
        loglevel: Any = None,
        headers: Any = None,
        **options: Any,
    ) -> EagerResult[R]:
        """Run a job here and now, through the steps that a worker takes, retries included but without their delays.

        Raises what the task raised with ``throw``, or where the setting ``task_eager_propagates`` is on.
        """
        from celeriac.eager import run_eagerly  # the pipeline is needed only here

        arguments, keywords = self._checked(args, kwargs)
        options.update(task_id=task_id, link=link, link_error=link_error, headers=headers)
        app = self.app
        job = build_job(app, self.name, self, arguments, keywords, options)
        job.attempts = retries
        return run_eagerly(app, job, app.settings.eager_propagates if throw is None else throw)

    def bulk(self, items: Iterable[Any], **options: Any) -> list[AsyncResult[R]]:
        """Enqueue many jobs in one round trip; return their results in order.

        An item is a tuple (or list) of positional arguments, a dict of keyword arguments, or a signature of this task.
        """
        from celeriac.bulk import enqueue_bulk

        return enqueue_bulk(self, items, options)

    # -- calling at another time -------------------------------------------------------------------------------------------

    def delay_on_commit(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """``apply_async_on_commit`` without options."""
        return self.apply_async_on_commit(args, kwargs)

    def apply_async_on_commit(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        using: str | None = None,
        **options: Any,
    ) -> AsyncResult[R]:
        """Enqueue a job once the current transaction has committed. Returns its result at once: the id is known already."""
        from celeriac.oncommit import enqueue_on_commit

        return enqueue_on_commit(self, args, kwargs, options, using)

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """``delay`` for coroutines."""
        return await self.aapply_async(args, kwargs)

    async def aapply_async(
        self, args: Iterable[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> AsyncResult[R]:
        """``apply_async`` for coroutines, in the thread in which Django's connections of this request are."""
        from asgiref.sync import sync_to_async  # comes with Django

        result: AsyncResult[R] = await sync_to_async(self.apply_async, thread_sensitive=True)(args, kwargs, **options)
        return result

    # -- from inside -------------------------------------------------------------------------------------------------------

    @property
    def request(self) -> Request:
        """The job that runs, as seen from the task. Outside one, an empty request that says ``called_directly``."""
        request = current_request.get()
        while request is not None and request.task != self.name:
            request = request.outer
        return request if request is not None else Request(task=self.name, called_directly=True)

    def retry(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: datetime | str | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Retry:
        """Run this job again later: ``raise self.retry(exc=error, countdown=60)``. Always raises, unless ``throw`` is False.

        Over ``max_retries`` it raises ``exc``, or ``MaxRetriesExceededError`` without one. ``options``: ``queue``, time limits,
        links.
        """
        return ask_for_retry(self, args, kwargs, exc, throw, eta, countdown, max_retries, options)

    def update_state(self, task_id: str | None = None, state: str | None = None, meta: Any = None, **ignored: Any) -> None:
        """Give the running job a state of its own, as in ``self.update_state(state="PROGRESS", meta={"done": 3})``."""
        request = self.request
        if task_id is not None and task_id != request.id:
            raise ValueError(
                _("update_state changes the job that runs ({id}), not another ({task_id}).").format(
                    id=request.id, task_id=task_id
                )
            )
        reports.update_state(None if request.called_directly else request, state, meta)

    def send_event(self, type: str, **_: Any) -> None:  # noqa: A002 - Celery's name
        """Celery's events are not sent: nobody receives them. Signals and the store tell the same."""

    # -- signatures --------------------------------------------------------------------------------------------------------

    def signature(self, args: Any = None, *starargs: Any, **starkwargs: Any) -> Signature:
        """Return a call of this task as data, with options: ``task.signature((1, 2), countdown=10)``."""
        starkwargs.setdefault("app", self._app)
        return Signature(self, args, *starargs, **starkwargs)

    subtask = signature

    def s(self, *args: Any, **kwargs: Any) -> Signature:
        """Return a call of this task as data: ``task.s(1, b=2)``."""
        return self.signature(args, kwargs)

    def si(self, *args: Any, **kwargs: Any) -> Signature:
        """``s``, ignoring what is given to it later: no result of the job before it."""
        return self.signature(args, kwargs, immutable=True)

    def replace(self, sig: Any) -> NoReturn:
        """Celery's way to continue with another task."""
        raise no_workflows("self.replace()")

    def add_to_chord(self, sig: Any, lazy: bool = False) -> NoReturn:
        """Celery's way to add a member to a running chord."""
        raise no_workflows("self.add_to_chord()")

    def map(self, it: Any) -> NoReturn:
        """Celery's way to run a task over a list in one job."""
        raise no_workflows("task.map()")

    def starmap(self, it: Any) -> NoReturn:
        """Likewise."""
        raise no_workflows("task.starmap()")

    def chunks(self, it: Any, n: int) -> NoReturn:
        """Likewise, in parts. ``task.bulk(items)`` enqueues many jobs in one round trip."""
        raise no_workflows("task.chunks()")

    def AsyncResult(self, task_id: str, **kwargs: Any) -> AsyncResult[R]:  # noqa: N802 - Celery's name
        """Return the result of a job of this task."""
        return AsyncResult(task_id, task_name=self.name, app=self._app, **kwargs)

    # -- looks -------------------------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "rate_limit":
            check_rate(self.name, value)
        object.__setattr__(self, name, value)
        if name in _PLANNED:
            for app in apps():
                app.forget_plan(self.name)

    def __repr__(self) -> str:
        return f"<@task: {self.name} of {self.app.main or 'celeriac'}>"

    def __reduce__(self) -> Any:
        return _by_name, (self.name,)


def _listed(name: str, args: Any) -> tuple[Any, ...]:
    if args is None:
        return ()
    if isinstance(args, str | bytes | Mapping):
        raise TypeError(
            _("{name}: args is {args!r}; expected a list or a tuple of arguments, such as ({args!r},).").format(
                name=name, args=args
            )
        )
    return tuple(args)


def _by_name(name: str) -> Any:
    return current_app().tasks[name]


def is_async(function: Callable[..., Any]) -> bool:
    """Return whether calling ``function`` gives a coroutine."""
    import inspect

    return inspect.iscoroutinefunction(inspect.unwrap(function))
