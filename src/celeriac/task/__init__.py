"""A task (celery.app.task): ``task.py``, with its options and hooks in ``options.py``."""

from __future__ import annotations

from celeriac.task.task import Task, is_async

__all__ = ["Task", "is_async"]
