"""Articles, reads of them, and the ranking that a job computes from the reads."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse
from django.utils import timezone

from blog.text import Block, blocks


class Article(models.Model):
    """One article. Its slug is the name of the file it was imported from."""

    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=200)
    summary = models.CharField(max_length=300)
    body = models.TextField()
    published = models.DateField()

    class Meta:
        ordering: ClassVar = ["-published", "slug"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """The page of this article."""
        return reverse("article", args=[self.slug])

    @property
    def blocks(self) -> list[Block]:
        """The body cut into headings, lists and paragraphs, for the template."""
        return blocks(self.body)


class View(models.Model):
    """One read of one article, written when its page is shown."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="views")
    at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.article_id} at {self.at:%Y-%m-%d %H:%M}"


class RankedArticle(models.Model):
    """A place in the ranking of the last ``days`` days."""

    days = models.PositiveSmallIntegerField()
    place = models.PositiveSmallIntegerField()
    article = models.ForeignKey(Article, on_delete=models.CASCADE)
    views = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["days", "place"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["days", "place"], name="one_article_a_place")]

    def __str__(self) -> str:
        return f"{self.place}. of {self.days} days: {self.article}"
