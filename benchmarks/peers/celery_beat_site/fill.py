"""``python -m benchmarks.peers.celery_beat_site.fill N``: make the tables, and N periodic tasks due at each full minute."""

from __future__ import annotations

import json
import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.celery_beat_site.settings"
django.setup()

from django.core.management import call_command  # noqa: E402 - Django has to be set up before
from django_celery_beat.models import CrontabSchedule, PeriodicTask  # noqa: E402 - Django has to be set up before

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    minute = CrontabSchedule.objects.create()
    PeriodicTask.objects.bulk_create(
        [
            PeriodicTask(name=f"entry {number}", task="measured", crontab=minute, args=json.dumps([number, "abc"]))
            for number in range(int(sys.argv[1]))
        ],
        batch_size=500,
    )
