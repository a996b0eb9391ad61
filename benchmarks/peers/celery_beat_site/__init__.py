"""The Django project in which Celery beat is measured, with the scheduler of django-celery-beat."""

from __future__ import annotations

from benchmarks.peers.celery_beat_site.celery import app

__all__ = ["app"]
