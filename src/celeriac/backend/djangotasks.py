"""Django's tasks framework: its own from Django 6.0 on, the package ``django-tasks`` before. Chosen once, at import.

The two share their names and not their classes, so everything here takes them from this module.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from inspect import signature
from typing import TYPE_CHECKING, Any

from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from django.tasks import base

    Task = base.Task[..., Any]
    TaskContext = base.TaskContext[..., Any]
    TaskResult = base.TaskResult[..., Any]

if TYPE_CHECKING or find_spec("django.tasks") is not None:
    from django.tasks import DEFAULT_TASK_BACKEND_ALIAS, DEFAULT_TASK_QUEUE_NAME, checks, signals, task_backends
    from django.tasks.backends.base import BaseTaskBackend
    from django.tasks.base import TASK_REFRESH_ATTRS, TaskError, TaskResultStatus
    from django.tasks.base import task as _task
    from django.tasks.exceptions import InvalidTask, TaskResultDoesNotExist, TaskResultMismatch
    from django.utils.json import normalize_json

    if not TYPE_CHECKING:
        from django.tasks.base import (
            Task,
            TaskContext,
            TaskResult,
        )  # without parameters: there they are for a type checker only
elif find_spec("django_tasks") is not None:
    # The last two register the system check and the log's receivers, also where the app is not in INSTALLED_APPS.
    from django_tasks import DEFAULT_TASK_BACKEND_ALIAS, DEFAULT_TASK_QUEUE_NAME, exceptions, task_backends
    from django_tasks.backends.base import BaseTaskBackend
    from django_tasks.base import TASK_REFRESH_ATTRS, Task, TaskContext, TaskError, TaskResult, TaskResultStatus
    from django_tasks.base import task as _task
    from django_tasks.exceptions import TaskResultDoesNotExist, TaskResultMismatch
    from django_tasks.utils import normalize_json
    from django_tasks import checks, signals  # isort: skip  # reason: they import the modules above

    InvalidTask = getattr(exceptions, "InvalidTask", None) or exceptions.InvalidTaskError  # renamed after 0.12
else:
    raise ImportError(
        _(
            "celeriac.backend is the backend of Django's own @task, which Django has from 6.0 on. For Django 5.2 it is in the"
            ' package django-tasks: pip install "celeriac[django52]".'
        )
    )

__all__ = [
    "DEFAULT_TASK_BACKEND_ALIAS",
    "DEFAULT_TASK_QUEUE_NAME",
    "TASK_REFRESH_ATTRS",
    "BaseTaskBackend",
    "InvalidTask",
    "Task",
    "TaskContext",
    "TaskError",
    "TaskResult",
    "TaskResultDoesNotExist",
    "TaskResultMismatch",
    "TaskResultStatus",
    "checks",
    "normalize_json",
    "signals",
    "task",
    "task_backends",
]


def _task_with_options(
    function: Callable[..., Any] | None = None, *, backend: str = DEFAULT_TASK_BACKEND_ALIAS, **options: Any
) -> Any:
    """Stand in for the decorator of Django 6.0, which passes no options on."""
    given = {"priority": 0, "queue_name": DEFAULT_TASK_QUEUE_NAME, "takes_context": False, "run_after": None, **options}

    def decorate(function: Callable[..., Any]) -> Any:
        return task_backends[backend].task_class(func=function, backend=backend, **given)

    return decorate if function is None else decorate(function)


task: Any = _task if "kwargs" in signature(_task).parameters else _task_with_options
"""Django's ``@task``, with options of the backend on every version: Django's own passes them on from 6.1."""
