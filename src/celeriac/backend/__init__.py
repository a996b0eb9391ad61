"""The backend for Django's own tasks: ``TASKS = {"default": {"BACKEND": "celeriac.backend.CeleriacBackend"}}``.

``task`` is Django's decorator, of ``django.tasks`` or ``django_tasks``, which takes the options of ``CeleriacTask`` besides.
"""

from __future__ import annotations

from celeriac.backend.backend import CeleriacBackend
from celeriac.backend.context import JobContext
from celeriac.backend.djangotasks import task
from celeriac.backend.result import JobResult
from celeriac.backend.task import CeleriacTask

__all__ = ["CeleriacBackend", "CeleriacTask", "JobContext", "JobResult", "task"]
