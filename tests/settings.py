"""Django settings of the tests: one SQLite file that the test process and the workers it starts share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

# The environment carries the path, so that a worker started by a test opens the same file as the test. The process id is in
# the name, so that two runs at a time do not meet.
_OWN_FILE = Path(tempfile.gettempdir()) / f"celeriac-tests-{os.getpid()}.sqlite3"
DATABASE_FILE = Path(os.environ.setdefault("CELERIAC_TEST_DATABASE", str(_OWN_FILE)))

# What tests compare is English, also on a computer that speaks Chinese.
os.environ["LANGUAGE"] = "en"

SECRET_KEY = "only for the tests"
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
USE_TZ = True
TIME_ZONE = "UTC"
ROOT_URLCONF = "tests.urls"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "celeriac",
]

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATABASE_FILE,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
        # The same file, not one in memory: other processes must see it.
        "TEST": {"NAME": DATABASE_FILE},
    },
}
