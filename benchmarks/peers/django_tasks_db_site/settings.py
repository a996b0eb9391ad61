"""Settings as django-tasks-db's own documentation has them."""

from __future__ import annotations

from benchmarks.peers.djangodatabases import default_database
from benchmarks.place import place

SECRET_KEY = "only for the benchmarks"
USE_TZ = True
INSTALLED_APPS = ["django_tasks", "django_tasks_db"]
DATABASES = {"default": default_database(place())}
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
LOGGING = {"version": 1, "disable_existing_loggers": False, "root": {"level": "WARNING"}}
