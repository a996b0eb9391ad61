"""The blog's pages."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from blog.models import Article, RankedArticle, View
from blog.ranking import PERIODS
from blog.tasks import import_articles, rank_articles
from jobs.history import remember


def home(request: HttpRequest) -> HttpResponse:
    """List the articles, with the week's favourites beside them."""
    favourites = RankedArticle.objects.filter(days=7).select_related("article")
    return render(request, "blog/home.html", {"articles": Article.objects.all(), "favourites": favourites})


def article(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one article, and write down that it was read."""
    found = get_object_or_404(Article, slug=slug)
    View.objects.create(article=found)
    return render(request, "blog/article.html", {"article": found})


def ranking(request: HttpRequest) -> HttpResponse:
    """Show the ranking as it was last computed."""
    places = list(RankedArticle.objects.select_related("article"))
    periods = [(days, [place for place in places if place.days == days]) for days in PERIODS]
    return render(request, "blog/ranking.html", {"periods": periods})


@require_POST
@login_required
def refresh_ranking(request: HttpRequest) -> HttpResponse:
    """Ask for the ranking to be computed; the page shown next is the job's."""
    job = rank_articles.delay()
    remember(request, job.id, "Ranking of the most read")
    return redirect("job", job.id)


@require_POST
@login_required
def import_(request: HttpRequest) -> HttpResponse:
    """Ask for the articles to be imported."""
    job = import_articles.delay()
    remember(request, job.id, "Import of the articles")
    return redirect("job", job.id)
