"""Django settings of the benchmarks: one database, chosen by the environment."""

from __future__ import annotations

import json
import os
from typing import Any

SECRET_KEY = "only for the benchmarks"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["celeriac", "benchmarks"]
DATABASES: dict[str, dict[str, Any]] = {"default": json.loads(os.environ["CELERIAC_BENCHMARK_DATABASE"])}
CELERY_BROKER_URL = os.environ.get("CELERIAC_BENCHMARK_BROKER", "django://default")
