"""The most read articles of the last 1, 7 and 30 days, counted from the reads."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from blog.models import Article, RankedArticle

PERIODS = (1, 7, 30)
PLACES = 5


def compute() -> list[RankedArticle]:
    """Count anew and replace the stored ranking; readers see the old one or the new one, never half of each."""
    now = timezone.now()
    ranking = [place for days in PERIODS for place in most_read(days, now)]
    with transaction.atomic():
        RankedArticle.objects.all().delete()
        RankedArticle.objects.bulk_create(ranking)
    return ranking


def most_read(days: int, now: dt.datetime) -> list[RankedArticle]:
    """Return the first places of one period, not saved yet."""
    recent = Count("views", filter=Q(views__at__gt=now - dt.timedelta(days=days)))
    counted = Article.objects.annotate(recent=recent).filter(recent__gt=0).order_by("-recent", "title")[:PLACES]
    return [
        RankedArticle(days=days, place=place, article=article, views=article.recent)
        for place, article in enumerate(counted, start=1)
    ]
