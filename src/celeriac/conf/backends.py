"""What ``TASKS`` says of Celeriac's backend for Django's own tasks."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from celeriac.conf.reading import django_settings

PACKAGE = "celeriac.backend"


def backends() -> dict[str, Mapping[str, Any]]:
    """Return the entries of ``TASKS`` whose backend is Celeriac's, or derived from it, by their alias."""
    configured = getattr(django_settings(), "TASKS", None) or {}
    return {alias: params for alias, params in configured.items() if _is_ours(params.get("BACKEND", ""))}


def queues_of_backends() -> list[str]:
    """Return the queues that these name. One without ``QUEUES`` has Django's queue, ``default``."""
    return [queue for params in backends().values() for queue in params.get("QUEUES", ("default",))]


def _is_ours(path: str) -> bool:
    if path.startswith(("django.", "django_tasks.")):  # their own; a project that uses neither need not load them
        return False
    try:
        kind = import_string(path)
    except ImportError:  # Django says so, where it is used
        return False
    package = sys.modules.get(PACKAGE)
    return package is not None and isinstance(kind, type) and issubclass(kind, package.CeleriacBackend)
