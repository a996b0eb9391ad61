"""django-tasks-db: two ``db_worker`` processes, which look each second where the queue was empty. Results are kept."""

from __future__ import annotations

import os
import sys

import django
from django.core.management import call_command

from benchmarks.peers.base import PROCESSES

SETTINGS = "benchmarks.peers.django_tasks_db_site.settings"
os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
django.setup()

from benchmarks.peers.django_tasks_db_site.tasks import measured  # noqa: E402 - tasks need the settings


def prepare() -> None:
    """Make the tables."""
    call_command("migrate", verbosity=0)


def worker() -> list[list[str]]:
    """Two processes: one runs one job at a time."""
    return [[sys.executable, "-m", "django", "db_worker", "--settings", SETTINGS, "--no-startup-delay"]] * PROCESSES


def enqueue(number: int, text: str) -> None:
    """Enqueue one job."""
    measured.enqueue(number, text)
