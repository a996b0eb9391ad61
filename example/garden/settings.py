"""Settings of the demo site. ``demo.py`` chooses folder and ports through the environment; by hand the defaults do."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import django

from celeriac.schedules import crontab

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DEMO_DATA_DIR", BASE_DIR / "var"))
DATA_DIR.mkdir(parents=True, exist_ok=True)

# A key of no worth: this site is never served to anybody but the machine it runs on.
SECRET_KEY = os.environ.get("DEMO_SECRET_KEY", "demo")
DEBUG = True
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "celeriac",
    "accounts",
    "blog",
    "jobs",
    "letters",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "garden.urls"
WSGI_APPLICATION = "garden.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "garden.sqlite3",
        # The site and the worker's processes all write to this file: each transaction takes its place in the queue of
        # writers at its start (IMMEDIATE), and readers do not wait for writers (WAL).
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=10000;",
        },
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}]
# Registering takes as long as hashing the password; this hasher of Django's takes about half as long as its default.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

# The post office that demo.py starts; Django 6.1 has a new setting for the same.
MAIL_PORT = int(os.environ.get("DEMO_MAIL_PORT", "8025"))
if django.VERSION >= (6, 1):
    MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {"host": "127.0.0.1", "port": MAIL_PORT, "timeout": 5},
        },
    }
else:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = "127.0.0.1", MAIL_PORT, 5
DEFAULT_FROM_EMAIL = "The Kitchen Garden <post@garden.example>"

# What the post office received is kept here, one file a message, and shown at /mail/.
MAIL_DIR = DATA_DIR / "mail"
ARTICLES_DIR = Path(os.environ.get("DEMO_ARTICLES_DIR", BASE_DIR / "articles"))
# Reading a dozen small files takes no time at all; with this pause, in seconds a file, one can watch the progress.
IMPORT_PAUSE = float(os.environ.get("DEMO_IMPORT_PAUSE", "0.2"))

# Declared here, and shown in the admin among those that were made there. The demo sets the minute to "*", each of them.
CELERY_BEAT_SCHEDULE = {
    "ranking": {
        "task": "blog.tasks.rank_articles",
        "schedule": crontab(minute=os.environ.get("DEMO_RANKING_MINUTE", "0")),
        "description": "The most read articles, counted anew.",
    },
}

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Leave out of the log what a page asks four times a second."""
    return "/status.json" not in record.getMessage()


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"worth_a_line": {"()": "django.utils.log.CallbackFilter", "callback": _worth_a_line}},
    "formatters": {"line": {"format": "{asctime} {message}", "style": "{"}},
    "handlers": {"site": {"class": "logging.StreamHandler", "filters": ["worth_a_line"], "formatter": "line"}},
    "loggers": {"django.server": {"handlers": ["site"], "level": "INFO", "propagate": False}},
}
