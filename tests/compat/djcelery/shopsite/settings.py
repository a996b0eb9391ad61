from datetime import timedelta
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = "only for the tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shopsite.urls"
MIDDLEWARE = []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "db.sqlite3",
    }
}

INSTALLED_APPS = (
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "djcelery",
    "kombu.transport.django",
    "orders",
)

TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

import djcelery

djcelery.setup_loader()

BROKER_URL = "django://"
BROKER_POOL_LIMIT = 0
CELERY_RESULT_BACKEND = "djcelery.backends.database:DatabaseBackend"
CELERYBEAT_SCHEDULER = "djcelery.schedulers.DatabaseScheduler"
CELERY_IMPORTS = ("orders.tasks",)
CELERY_TIMEZONE = TIME_ZONE
CELERYD_CONCURRENCY = 2
CELERYD_MAX_TASKS_PER_CHILD = 40

from celery.schedules import crontab

CELERYBEAT_SCHEDULE = {
    "close-every-30-seconds": {
        "task": "orders.tasks.close_orders",
        "schedule": timedelta(seconds=30),
    },
    "report-every-morning": {
        "task": "orders.tasks.close_orders",
        "schedule": crontab(hour=7, minute=30),
    },
}
