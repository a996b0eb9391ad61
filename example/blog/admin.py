"""Articles and reads in Django's admin."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin

from blog.models import Article, RankedArticle, View


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin):
    """Articles, the newest first."""

    list_display: ClassVar = ["title", "published"]
    search_fields: ClassVar = ["title", "summary"]


@admin.register(View)
class ViewAdmin(admin.ModelAdmin):
    """Single reads."""

    list_display: ClassVar = ["article", "at"]
    date_hierarchy = "at"


@admin.register(RankedArticle)
class RankedArticleAdmin(admin.ModelAdmin):
    """The ranking as it was last computed."""

    list_display: ClassVar = ["days", "place", "article", "views"]
    list_filter: ClassVar = ["days"]
