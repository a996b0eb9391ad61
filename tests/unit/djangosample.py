"""Tasks of Django's own ``@task``, as a project of Celeriac's backend declares them; known only to tests that ask for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import override_settings

from celeriac import shared_task
from celeriac.app import Celery
from celeriac.backend import task
from celeriac.backend.djangotasks import task_backends
from tests.sharing import unknown_elsewhere

BACKEND = "celeriac.backend.CeleriacBackend"
TASKS = {"default": {"BACKEND": BACKEND, "QUEUES": ["default", "mail"]}, "open": {"BACKEND": BACKEND, "QUEUES": []}}


class Broken(Exception):
    """What a task here raises."""


seen: list[Any] = []


def patience(exception: Exception, task_result: Any) -> float | None:
    """Wait longer after each attempt; give up over what is not Broken."""
    seen.append((type(exception).__name__, task_result.attempts, [error.exception_class for error in task_result.errors]))
    return 10.0 * task_result.attempts if isinstance(exception, Broken) else None


@contextmanager
def known_to(app: Celery) -> Iterator[None]:
    """Let an app know the tasks of this module, and ``TASKS`` be those of a project."""
    with override_settings(TASKS=TASKS), unknown_elsewhere():
        for one in _declared.values():
            app.adopt(one)
        seen.clear()
        yield


with override_settings(TASKS=TASKS), unknown_elsewhere() as _declared:

    @task
    def add(a: int, b: int = 0) -> int:
        return a + b

    @task()
    async def add_async(a: int, b: int) -> int:
        return a + b

    @task(priority=7, queue_name="mail")
    def echo(*args: Any, **kwargs: Any) -> Any:
        return {"args": args, "kwargs": kwargs}

    @task(takes_context=True)
    def look(context: Any, *, save: bool = False) -> Any:
        if save:
            context.metadata["seen"] = context.attempt
            context.save_metadata()
        return [context.attempt, context.task_result.id, context.job.id, context.metadata]

    @task(takes_context=True)
    async def look_async(context: Any) -> Any:
        await context.asave_metadata()
        return [context.attempt, context.task_result.id]

    @task
    def returns(what: str) -> Any:
        return {"bytes": b"abc", "tuple": (1, 2), "date": dt.date(2026, 11, 21), "set": {1}}[what]

    @task
    def fails() -> None:
        raise Broken("no")

    @task(max_attempts=3)
    def fails_thrice() -> None:
        raise Broken("again")

    @task(max_attempts=4, backoff=patience, takes_context=True)
    def works_late(context: Any, at: int, other: bool = False) -> int:
        if other:
            raise KeyError("other")
        context.metadata[f"attempt {context.attempt}"] = len(context.task_result.errors)
        context.save_metadata()
        if context.attempt < at:
            raise Broken(f"attempt {context.attempt}")
        return int(context.attempt)

    @task(max_attempts=3, backoff=lambda exception, task_result: "soon")
    def misjudged() -> None:
        raise Broken("no")

    @task(timeout=dt.timedelta(seconds=2), expires=60)
    def bounded() -> str:
        return "in time"

    @task(expires=5, max_attempts=2, backoff=patience)
    def fails_and_expires() -> None:
        raise Broken("the next attempt would be too late")

    @task(transactional=True)
    def all_or_nothing() -> None: ...

    @task
    def from_django() -> str:
        return str(from_celery.delay(1))

    @task(backend="open", queue_name="anything")
    def elsewhere() -> None: ...

    @shared_task
    def from_celery(number: int) -> Any:
        return task_backends["default"].enqueue(add, (number,), {"b": 1}).id
