"""Its app. The task is never run: only beat is measured."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.celery_beat_site.settings")

app = Celery("measured")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="measured")  # type: ignore[untyped-decorator]  # Celery is not installed where this is checked
def measured(number: int, text: str) -> int:
    """Return the number."""
    return number
