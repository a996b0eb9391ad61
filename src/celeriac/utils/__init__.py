"""Celery's import path ``celery.utils``: only what programs written for Celery import from it."""

from __future__ import annotations

from celeriac.engine.ids import new_id as uuid

gen_unique_id = uuid

__all__ = ["gen_unique_id", "uuid"]
