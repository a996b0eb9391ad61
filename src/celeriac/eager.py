"""Running a task in the caller's process: ``apply()`` and ``task_always_eager``, through the pipeline a worker uses."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from celeriac import states
from celeriac.engine.attempt.attempt import Attempt
from celeriac.engine.attempt.failure import format_traceback
from celeriac.engine.attempt.runner import AttemptRunner
from celeriac.engine.job import TERMINAL, Job, State
from celeriac.engine.outcome import Outcome
from celeriac.result import EagerResult
from celeriac.transactional import eager_transaction

if TYPE_CHECKING:
    from celeriac.app import Celery

MOST_ATTEMPTS = 1000
"""A task that is always retried would never return to its caller."""


def run_eagerly(
    app: Celery, job: Job, propagate: bool, told: Callable[[Outcome], object] = lambda outcome: None
) -> EagerResult[Any]:
    """Run a job that was never enqueued, retries and linked callbacks included, without any delay between them.

    Raises what the task raised, with ``propagate``. ``told`` hears what each attempt ended in.
    """
    runner = app.runner(is_eager=True, transactions=partial(eager_transaction, app.settings.broker_url))
    attempt = attempt_here(runner, job)
    while attempt.state is State.SCHEDULED and job.attempts < MOST_ATTEMPTS:
        outcome = runner.outcome(attempt)
        told(outcome)
        job = _again(job, outcome)
        attempt = attempt_here(runner, job)
    outcome = runner.outcome(attempt)
    told(outcome)
    if _is_remembered(attempt):
        app.broker().remember(job, outcome)
    for follow_up in outcome.follow_ups:
        run_eagerly(app, follow_up, propagate=False)
    if isinstance(attempt.error, KeyboardInterrupt | SystemExit):
        raise attempt.error  # meant for the caller's process, which is this one
    result = _result(app, attempt)
    if propagate:
        result.maybe_throw()
    return result


def _is_remembered(attempt: Attempt) -> bool:
    """Return whether the job leaves a record: where ``task_store_eager_result`` asks for it, and its result is not ignored."""
    if attempt.state not in TERMINAL or attempt.task is None or not attempt.task.store_eager_result:
        return False
    return not attempt.embed.get("ignore_result", attempt.task.ignore_result)


def _again(job: Job, outcome: Outcome) -> Job:
    job.attempts += 1
    job.payload = outcome.payload or job.payload
    job.queue = outcome.queue or job.queue
    job.progress = outcome.progress or job.progress
    return job


def attempt_here(runner: AttemptRunner, job: Job) -> Attempt:
    """Run one attempt of a job, whose task may be ``async def``, to its end: in this thread where that is possible."""
    task = runner.registry.get_task(job.task)
    if task is None or not task.is_async:
        return runner.attempt(job)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(runner.attempt_async(job))
    return _attempt_in_thread(runner, job)


def _attempt_in_thread(runner: AttemptRunner, job: Job) -> Attempt:
    """Run a coroutine to its end although a loop runs in this thread: on a loop of its own in another."""
    ended: list[Attempt] = []
    context = contextvars.copy_context()

    def run() -> None:
        ended.append(context.run(asyncio.run, runner.attempt_async(job)))

    thread = threading.Thread(target=run, name="celeriac-eager")
    thread.start()
    thread.join()
    return ended[0]


def _result(app: Celery, attempt: Attempt) -> EagerResult[Any]:
    error = attempt.error
    state = states.REJECTED if attempt.state is State.WAITING else attempt.celery_state
    value = attempt.value if error is None else error
    traceback = format_traceback(error) if error is not None else None
    said = attempt.request.progress if attempt.request is not None else None
    if attempt.state is State.SUCCEEDED and error is not None:  # Ignore: a state the task set itself is its last
        state = (said or {}).get("state") or states.IGNORED
    result = EagerResult[Any](attempt.job.id, value, state, traceback, attempt.job.task, app)
    result._progress = said
    return result
