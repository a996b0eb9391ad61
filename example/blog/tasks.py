"""What the blog does in the background."""

from __future__ import annotations

import time

from django.conf import settings

from celeriac import progress, shared_task

from blog import importer, ranking
from blog.models import Article


@shared_task
def rank_articles() -> dict[str, str]:
    """Compute the ranking; return the winner of each period."""
    places = ranking.compute()
    winners = [place for place in places if place.place == 1]
    return {f"{place.days} d": f"{place.article.slug} ({place.views} reads)" for place in winners}


@shared_task
def import_articles() -> dict[str, int]:
    """Read every article's file, saying on the way how far it is. Return how many were new and how many were known."""
    files = importer.files()
    new = 0
    for done, file in enumerate(files, start=1):
        article, created = importer.import_file(file)
        new += created
        progress(done, len(files), article.title)
        time.sleep(settings.IMPORT_PAUSE)
    return {"new": new, "known": len(files) - new}


@shared_task
def look_for_articles() -> int:
    """Return how many articles wait in the folder to be imported."""
    known = set(Article.objects.values_list("slug", flat=True))
    return sum(file.stem not in known for file in importer.files())
