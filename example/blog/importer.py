"""Articles from the files of the repository."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from django.conf import settings

from blog import text
from blog.models import Article


def files() -> list[Path]:
    """Return the files that hold an article, in the order of their names."""
    return sorted(settings.ARTICLES_DIR.glob("*.md"))


def import_file(file: Path) -> tuple[Article, bool]:
    """Create or update one article; return it, and whether it is new. Doing it twice changes nothing."""
    source = asdict(text.read(file))
    return Article.objects.update_or_create(slug=source.pop("slug"), defaults=source)
