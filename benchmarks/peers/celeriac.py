"""Celeriac: two children, results kept. With RabbitMQ, its store is a SQLite file; the variant ``valkey`` keeps them there."""

from __future__ import annotations

import os
import sys

import django
from django.core.management import call_command

from benchmarks.peers.base import PROCESSES, TEXT

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.celeriac_site.settings"
django.setup()

from benchmarks.peers.celeriac_site.tasks import measured  # noqa: E402 - tasks need the settings


def prepare() -> None:
    """Make the tables."""
    call_command("migrate", verbosity=0)


def worker() -> list[list[str]]:
    """One worker with children."""
    return [[sys.executable, "-m", "celeriac", "-A", "benchmarks.peers.celeriac_site", "worker", "-c", str(PROCESSES)]]


def enqueue(number: int, text: str) -> None:
    """Enqueue one job."""
    measured.delay(number, text)


def enqueue_many(numbers: range) -> None:
    """Enqueue them all in one call."""
    measured.bulk([(number, TEXT) for number in numbers])
