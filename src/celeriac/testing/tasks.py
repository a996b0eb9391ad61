"""The task that a worker of a test is asked to run, to see whether it does (celery.contrib.testing.tasks)."""

from __future__ import annotations

from celeriac.declaring import shared_task


@shared_task(name="celery.ping", ignore_result=False)
def ping() -> str:
    """Answer."""
    return "pong"
