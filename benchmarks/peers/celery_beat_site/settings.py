"""Settings as django-celery-beat's own documentation has them."""

from __future__ import annotations

from benchmarks.peers.djangodatabases import default_database
from benchmarks.place import place

_HERE = place()

SECRET_KEY = "only for the benchmarks"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django_celery_beat"]
DATABASES = {"default": default_database(_HERE)}
CELERY_BROKER_URL = _HERE.results
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
