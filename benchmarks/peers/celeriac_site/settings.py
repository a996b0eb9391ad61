"""Settings as the README has them."""

from __future__ import annotations

from benchmarks.peers.djangodatabases import default_database
from benchmarks.place import place

_HERE = place()

SECRET_KEY = "only for the benchmarks"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["celeriac", "benchmarks.peers.celeriac_site"]
DATABASES = {"default": default_database(_HERE)}
CELERY_BROKER_URL = _HERE.url or "django://default"
CELERY_RESULT_BACKEND = _HERE.results if _HERE.variant == "valkey" else None
