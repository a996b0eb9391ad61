"""One attempt of a job: a pipeline of named steps over one object. Nothing else decides what an attempt ended in.

``start`` -> ``resolve`` -> ``decode`` -> ``open`` -> ``call`` -> ``classify`` -> ``close``. The same steps serve a worker's
main thread, its pool threads, its event loop, and ``task.apply()`` in the caller's process.
"""

from __future__ import annotations

import logging
import traceback
from asyncio import CancelledError
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from contextvars import Token as ContextToken
from functools import partial
from typing import Any, Protocol

from celeriac.engine import errors, retry
from celeriac.engine.clock import Clock
from celeriac.engine.codec import decode_payload, encode_failure, encode_result, json_or_repr
from celeriac.engine.job import Job, State, celery_name
from celeriac.engine.outcome import Failure, Outcome
from celeriac.engine.registry import Registry, RunnableTask
from celeriac.engine.request import Request, current_request

logger = logging.getLogger("celeriac.attempt")

MAX_TRACEBACK = 20_000  # characters: the end of a deep recursion says no more than its beginning


Around = Callable[[Callable[..., Any], Sequence[Any], dict[str, Any]], Any]


class Attempt:
    """One execution of a job, from its claim to its outcome."""

    __slots__ = (
        "args",
        "around",
        "context",
        "embed",
        "error",
        "failure",
        "hard_limit",
        "job",
        "kwargs",
        "payload",
        "queue",
        "request",
        "result",
        "run_at",
        "settled",
        "soft_limit",
        "started",
        "state",
        "task",
        "value",
    )

    def __init__(self, job: Job, started: float) -> None:
        self.job = job
        self.started = started
        self.state: State | None = None
        self.task: Any = None
        self.args: list[Any] = []
        self.kwargs: dict[str, Any] = {}
        self.embed: dict[str, Any] = {}
        self.request: Request | None = None
        self.context: ContextToken[Request | None] | None = None
        self.value: Any = None
        self.error: BaseException | None = None
        self.failure: Failure | None = None
        self.result: bytes | None = None
        self.run_at: float | None = None
        self.payload: bytes | None = None
        self.queue: str | None = None
        self.settled = False
        self.around: Around | None = None
        self.soft_limit: float | None = None
        self.hard_limit: float | None = None

    @property
    def celery_state(self) -> str:
        """Celery's name for what the attempt ended in."""
        state = self.state or State.RUNNING
        return celery_name(state, 1)


class Observer(Protocol):
    """Is told of every attempt, in the thread that runs it: signals, logs, metrics. It must not raise."""

    def started(self, attempt: Attempt) -> None:
        """The body is about to be called."""

    def ended(self, attempt: Attempt) -> None:
        """``attempt.state`` says what it ended in; ``value`` or ``error`` with what.

        Told also of an attempt that ended before its body was reached (expired, unknown task): ``attempt.request`` is None.
        """


class Limits(Protocol):
    """Runs a body under a soft time limit, by the means of its executor."""

    def call(self, seconds: float, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call; raise ``SoftTimeLimitExceeded`` inside the body after ``seconds``."""

    def wrap(self, seconds: float, coroutine: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
        """The same for a coroutine."""


class FollowUps(Protocol):
    """Builds the jobs that an ended attempt asks for (link, link_error, the rest of a chain)."""

    def __call__(self, attempt: Attempt) -> tuple[Job, ...]:
        """Return the jobs to push with the outcome, their ids derived from (parent, step)."""


class Transactions(Protocol):
    """Runs a body in one transaction with its settling (``transactional=True``)."""

    def __call__(self) -> AbstractContextManager[Callable[[Outcome], bool]]:
        """Open the transaction; yields a function that settles inside it and returns whether the token was accepted."""


class _RolledBack(Exception):
    """Leaves a transaction that must not commit."""


class AttemptRunner:
    """Runs attempts. One serves all threads of a process: what belongs to one attempt lives in its ``Attempt``.

    ``publish`` and ``withdraw`` are called around the body, so that other processes can see what runs. ``prepare`` may change
    the arguments of a job that carries options of its own (a callback of ``link_error`` gets objects rather than JSON).
    """

    def __init__(
        self,
        registry: Registry,
        clock: Clock,
        *,
        hostname: str = "",
        observers: Sequence[Observer] = (),
        limits: Limits | None = None,
        follow_ups: FollowUps | None = None,
        transactions: Transactions | None = None,
        publish: Callable[[Attempt], None] | None = None,
        withdraw: Callable[[Attempt], None] | None = None,
        prepare: Callable[[Attempt], None] | None = None,
        reporter: Callable[..., None] | None = None,
        is_eager: bool = False,
    ) -> None:
        self.registry = registry
        self.clock = clock
        self.hostname = hostname
        self.observers = tuple(observers)
        self.limits = limits
        self.follow_ups = follow_ups
        self.transactions = transactions
        self.publish = publish
        self.withdraw = withdraw
        self.prepare = prepare
        self.reporter = reporter
        self.is_eager = is_eager

    # The pipeline. ``run`` and ``run_async`` differ in one line: how the body is called.

    def run(self, job: Job, around: Around | None = None) -> Outcome:
        """Run one attempt of ``job`` to its outcome. Never raises for what the task does.

        ``around`` calls the body in place of a plain call: ``around(function, args, kwargs)``.
        """
        return self.outcome(self.attempt(job, around))

    def attempt(self, job: Job, around: Around | None = None) -> Attempt:
        """Run one attempt and return it, with the value or the exception itself: for ``task.apply()``."""
        attempt = self.start(job)
        attempt.around = around
        if attempt.state is None:
            if attempt.task.transactional and self.transactions is not None:
                self._run_in_transaction(attempt)
                return attempt
            try:
                self.open(attempt)
                self.call(attempt)
            except BaseException as error:  # noqa: BLE001 - whatever a body raises is its outcome, SystemExit included
                attempt.error = error
            self.finish(attempt)
        else:
            self._tell(attempt)
        return attempt

    async def run_async(self, job: Job) -> Outcome:
        """Run one attempt of a job whose task is ``async def``, on the running event loop."""
        return self.outcome(await self.attempt_async(job))

    async def attempt_async(self, job: Job) -> Attempt:
        """The same, returning the attempt."""
        attempt = self.start(job)
        if attempt.state is None:
            try:
                self.open(attempt)
                await self.call_async(attempt)
            except BaseException as error:  # noqa: BLE001 - as above; a cancelled body is an outcome too
                attempt.error = error
            self.finish(attempt)
        else:
            self._tell(attempt)
        return attempt

    def start(self, job: Job) -> Attempt:
        """Begin: what can be said before the task's code is touched. Sets ``state`` where the attempt ends here."""
        attempt = Attempt(job, self.clock.wall())
        if job.expires is not None and job.expires <= attempt.started:
            attempt.state = State.EXPIRED
            return attempt
        self.resolve(attempt)
        if attempt.state is None:
            self.decode(attempt)
        return attempt

    def resolve(self, attempt: Attempt) -> None:
        """Look the task up in the registry, and nowhere else. An unknown one parks the job."""
        task = self.registry.get_task(attempt.job.task)
        if task is None:
            self._park(attempt, errors.NotRegistered(attempt.job.task, self.registry))
        attempt.task = task

    def decode(self, attempt: Attempt) -> None:
        """Read the arguments. What cannot be read parks the job."""
        job = attempt.job
        try:
            attempt.args, attempt.kwargs, embed = decode_payload(job.payload)
        except errors.UnreadablePayload as error:
            self._park(attempt, error)
            return
        attempt.embed = embed
        task: RunnableTask = attempt.task
        attempt.soft_limit = embed.get("soft_time_limit", task.soft_time_limit) if embed else task.soft_time_limit
        attempt.hard_limit = embed.get("time_limit", task.time_limit) if embed else task.time_limit
        if embed and self.prepare is not None:
            self.prepare(attempt)

    def open(self, attempt: Attempt) -> None:
        """Make the attempt visible: to the task as ``self.request``, to observers, to the processes that watch this one."""
        request = Request(attempt.job, "", attempt.args, attempt.kwargs, attempt.embed, self.hostname, self.is_eager)
        attempt.request = request
        request.reporter = self.reporter
        if self.is_eager:
            request.outer = current_request.get()
        attempt.context = current_request.set(request)
        for observer in self.observers:
            observer.started(attempt)
        if self.publish is not None:
            self.publish(attempt)
        if "before_start" in attempt.task.overrides:
            attempt.task.before_start(attempt.job.id, attempt.args, attempt.kwargs)

    def call(self, attempt: Attempt) -> None:
        """Call the body, under its soft limit where it has one."""
        body = attempt.task.body()
        if attempt.soft_limit is not None and self.limits is not None:
            body = partial(self._call_limited, attempt.soft_limit, body)
        if attempt.around is None:
            attempt.value = body(*attempt.args, **attempt.kwargs)
        else:
            attempt.value = attempt.around(body, attempt.args, attempt.kwargs)

    def _call_limited(self, seconds: float, body: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        assert self.limits is not None
        return self.limits.call(seconds, body, args, kwargs)

    async def call_async(self, attempt: Attempt) -> None:
        """Await the body, under its soft limit where it has one."""
        coroutine = attempt.task.body()(*attempt.args, **attempt.kwargs)
        if attempt.soft_limit is not None and self.limits is not None:
            coroutine = self.limits.wrap(attempt.soft_limit, coroutine)
        attempt.value = await coroutine

    def finish(self, attempt: Attempt) -> None:
        """Classify, tell the task's hooks and the observers, close."""
        self.classify(attempt)
        self.call_hooks(attempt)
        self.close(attempt)

    # Classifying: the one place that decides between success, retry and failure.

    def classify(self, attempt: Attempt) -> None:
        """Decide what the attempt ended in."""
        error = attempt.error
        if error is None and attempt.request is not None:
            error = attempt.error = attempt.request.again
        if error is None:
            self._succeed(attempt)
        elif isinstance(error, errors.TaskError):
            self._obey(attempt, error)
        elif isinstance(error, errors.TaskCancelled) or is_cancel(error):
            attempt.state = State.CANCELLED
            attempt.failure = describe(errors.TaskRevokedError("terminated"))
        else:
            self._retry_or_fail(attempt, error)
        if attempt.state is State.FAILED and attempt.error is not None:
            attempt.failure = describe(attempt.error)
            attempt.result = encode_failure(attempt.failure)

    def _succeed(self, attempt: Attempt) -> None:
        keep = not (attempt.task.ignore_result or attempt.embed.get("ignore_result"))
        if attempt.embed.get("ignore_result") is False:
            keep = True
        try:
            if keep:
                attempt.result = encode_result(attempt.value)
            attempt.state = State.SUCCEEDED
        except errors.ResultNotEncodable as error:
            attempt.error = error
            attempt.state = State.FAILED

    def _obey(self, attempt: Attempt, error: errors.TaskError) -> None:
        if isinstance(error, errors.Retry):
            self._retry(attempt, error)
        elif isinstance(error, errors.Ignore):
            attempt.state = State.SUCCEEDED
            attempt.failure = describe(error)
        elif isinstance(error, errors.Reject) and error.requeue:
            attempt.state = State.WAITING
        elif isinstance(error, errors.TaskRevokedError):
            attempt.state = State.CANCELLED
            attempt.failure = describe(error)
        else:
            attempt.state = State.FAILED

    def _retry_or_fail(self, attempt: Attempt, error: BaseException) -> None:
        delay = retry.automatic_delay(attempt.task, error, attempt.job.attempts)
        if delay is retry.NEVER:
            attempt.state = State.FAILED
            return
        again = errors.Retry(exc=error, when=delay)
        again.__cause__ = error
        attempt.error = again
        self._retry(attempt, again)

    def _retry(self, attempt: Attempt, again: errors.Retry) -> None:
        attempt.state = State.SCHEDULED
        when = again.when
        now = self.clock.wall()
        if when is None:
            attempt.run_at = now
        else:
            attempt.run_at = now + when if isinstance(when, int | float) else when.timestamp()
        attempt.failure = describe(again.exc or again)
        attempt.payload, attempt.queue = again.payload, again.queue

    # Telling.

    def call_hooks(self, attempt: Attempt) -> None:
        """Call the hooks that the task's class defines. One that raises is logged and changes nothing."""
        overrides = attempt.task.overrides
        if not overrides:
            return
        job, args, kwargs, error = attempt.job, attempt.args, attempt.kwargs, attempt.error
        task = attempt.task
        einfo = ExceptionInfo(error) if error is not None else None
        if attempt.state is State.SUCCEEDED and error is None and "on_success" in overrides:
            self._hook(task.on_success, attempt.value, job.id, args, kwargs)
        elif attempt.state is State.SCHEDULED and "on_retry" in overrides:
            self._hook(task.on_retry, error, job.id, args, kwargs, einfo)
        elif attempt.state is State.FAILED and "on_failure" in overrides:
            self._hook(task.on_failure, error, job.id, args, kwargs, einfo)
        if "after_return" in overrides and not isinstance(error, errors.Ignore | errors.Reject):
            value = error if error is not None else attempt.value
            self._hook(task.after_return, attempt.celery_state, value, job.id, args, kwargs, einfo)

    def _hook(self, hook: Callable[..., None], *args: Any) -> None:
        try:
            hook(*args)
        except Exception:
            logger.exception("The hook %s of a task raised; the job's outcome is not changed by it.", hook.__qualname__)

    def close(self, attempt: Attempt) -> None:
        """Undo ``open``, in reverse, whatever of it was done."""
        self._tell(attempt)
        if self.withdraw is not None:
            self.withdraw(attempt)
        if attempt.context is not None:
            current_request.reset(attempt.context)

    def _tell(self, attempt: Attempt) -> None:
        for observer in self.observers:
            observer.ended(attempt)

    def outcome(self, attempt: Attempt) -> Outcome:
        """Return what the broker is told."""
        assert attempt.state is not None
        job = attempt.job
        log = attempt.request.log.text() if attempt.request is not None and attempt.request.log is not None else None
        outcome = Outcome(
            token=job.token,
            state=attempt.state,
            started=attempt.started,
            finished=self.clock.wall(),
            result=attempt.result,
            run_at=attempt.run_at,
            failure=attempt.failure,
            log=log,
            worker=self.hostname,
            counts=attempt.state not in (State.WAITING, State.PARKED),
            retried=job.attempts > 0,
            payload=attempt.payload,
            queue=attempt.queue,
            progress=attempt.request.progress if attempt.request is not None else None,
            settled=attempt.settled,
        )
        if self.follow_ups is not None and attempt.embed:
            outcome.follow_ups = self.follow_ups(attempt)
        return outcome

    def _run_in_transaction(self, attempt: Attempt) -> None:
        """Run body and settle in one transaction: either both are kept, or neither (invariant 3)."""
        assert self.transactions is not None
        try:
            with self.transactions() as settle:
                self.open(attempt)
                self.call(attempt)
                self.classify(attempt)
                if attempt.state is not State.SUCCEEDED:
                    raise _RolledBack
                if not settle(self.outcome(attempt)):
                    raise errors.LeaseLost(
                        f"The claim of {attempt.job.task}[{attempt.job.id}] was lost; its work is rolled back."
                    )
            attempt.settled = True
        except _RolledBack:
            pass
        except BaseException as error:  # noqa: BLE001 - a failing body or COMMIT is the attempt's outcome
            attempt.error, attempt.state = error, None
        if attempt.state is None:
            self.classify(attempt)
        self.call_hooks(attempt)
        self.close(attempt)

    def _park(self, attempt: Attempt, error: Exception) -> None:
        attempt.state = State.PARKED
        attempt.error = error
        attempt.failure = describe(error, with_traceback=False)


CANCEL_MESSAGE = "cancelled by revoke(terminate=True)"
"""Marks a cancellation of ours; any other ``CancelledError`` that leaves a body is a failure of that body."""


def is_cancel(error: BaseException) -> bool:
    """Return whether a coroutine was cancelled because its job was revoked."""
    return isinstance(error, CancelledError) and error.args == (CANCEL_MESSAGE,)


class ExceptionInfo:
    """An exception with its traceback as text: what Celery passes to hooks as ``einfo``."""

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception
        self.type = type(exception)
        self.traceback = format_traceback(exception)
        self.tb = exception.__traceback__

    def __str__(self) -> str:
        return self.traceback


def format_traceback(error: BaseException) -> str:
    """Return the traceback as text, without local variables, shortened in the middle."""
    text = "".join(traceback.format_exception(error))
    if len(text) > MAX_TRACEBACK:
        half = MAX_TRACEBACK // 2
        text = f"{text[:half]}\n... {len(text) - MAX_TRACEBACK} characters left out ...\n{text[-half:]}"
    return text


def describe(error: BaseException, with_traceback: bool = True) -> Failure:
    """Return an exception as text: its class by name, its arguments as JSON or ``repr``. Never raises."""
    try:
        message = str(error)
    except Exception as broken:  # noqa: BLE001 - a broken __str__ must not hide the failure
        message = f"<{type(error).__name__} whose str() raised {type(broken).__name__}>"
    return Failure(
        type=type(error).__qualname__,
        module=type(error).__module__,
        message=message,
        traceback=format_traceback(error) if with_traceback else "",
        arguments=[json_or_repr(argument) for argument in error.args],
    )
