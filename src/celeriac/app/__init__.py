"""The app (celery.app): ``celery.py``, made of its settings (``configured.py``) and its tasks (``registering.py``)."""

from __future__ import annotations

from celeriac.app.celery import Celery
from celeriac.proxies import current_app

__all__ = ["Celery", "current_app"]
