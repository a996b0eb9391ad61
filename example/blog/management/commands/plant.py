"""``manage.py plant``: give an empty site its first articles and a past."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from celeriac.models import PeriodicTask

from blog import importer
from blog.models import Article, View

FIRST = 6
READS = 300


class Command(BaseCommand):
    """Leaves the other articles to the import that a visitor starts."""

    help = "Import the first articles and make up a month of reads, so that the three rankings differ."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; a second time adds reads only."""
        articles = [importer.import_file(file)[0] for file in importer.files()[:FIRST]]
        View.objects.bulk_create(made_up_reads(articles))
        look_often()
        self.stdout.write(f"{len(articles)} articles, {READS} reads made up.")


def look_often() -> None:
    """Make the periodic task that a gardener would make in the admin: nothing of it is in the code."""
    PeriodicTask.objects.get_or_create(
        name="look for articles",
        defaults={
            "kind": "interval",
            "fields": {"every": 3},
            "task": "blog.tasks.look_for_articles",
            "description": "How many articles wait in the folder to be imported.",
        },
    )


def made_up_reads(articles: list[Article]) -> list[View]:
    """Return reads of the last 30 days but none of today, which belongs to real visitors. The same ones at each call."""
    chance = random.Random(30)
    now = timezone.now()
    reads = []
    for _ in range(READS):
        age = chance.uniform(1, 30)
        # Each article has its season: a favourite of the month need not be one of the week.
        season = int(age / 30 * len(articles))
        article = articles[season] if chance.random() < 0.5 else chance.choice(articles)
        reads.append(View(article=article, at=now - dt.timedelta(days=age)))
    return reads
