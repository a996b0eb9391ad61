"""Running programs written for Celery without changing their imports."""

from __future__ import annotations

from celeriac.compat.installing import install_as_celery

__all__ = ["install_as_celery"]
