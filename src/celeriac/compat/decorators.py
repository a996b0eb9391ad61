"""Celery 3's decorators (celery.decorators, celery.task), and its registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celeriac.current import current_app
from celeriac.declaring import shared_task
from celeriac.local import Proxy


def task(*args: Any, **options: Any) -> Any:
    """``@task``: what is ``@shared_task`` since."""
    options.pop("accept_magic_kwargs", None)
    return shared_task(*args, **options)


def periodic_task(*args: Any, **options: Any) -> Callable[..., Any]:
    """``@periodic_task(run_every=...)``: a task, declared with its schedule."""
    schedule = options.pop("run_every")
    relative = options.pop("relative", False)

    def decorate(function: Callable[..., Any]) -> Any:
        made = task(**options)(function)
        app = current_app()
        entry = {"task": made.name, "schedule": schedule, "args": (), "kwargs": {}, "relative": relative, "options": {}}
        app.conf.beat_schedule = {**app.settings.beat_schedule, made.name: entry}
        return made

    return decorate


tasks: Any = Proxy(lambda: current_app().tasks)
