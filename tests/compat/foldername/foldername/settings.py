from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = "only for the tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "foldername.urls"
MIDDLEWARE = []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "db.sqlite3",
    }
}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "mail",
]

TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

BROKER_URL = "redis://127.0.0.1:6379/6"
BROKER_TRANSPORT = "redis"
CELERY_RESULT_BACKEND = "redis://127.0.0.1:6379/7"
CELERY_ACCEPT_CONTENT = ["application/json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_ENABLE_UTC = False
CELERY_TASK_RESULT_EXPIRES = 60 * 60 * 24
CELERY_DISABLE_RATE_LIMITS = True
CELERY_CONCURRENCY = 2
CELERYD_FORCE_EXECV = True
CELERYD_MAX_TASKS_PER_CHILD = 100
CELERYD_TASK_TIME_LIMIT = 60
