"""The blog's addresses."""

from __future__ import annotations

from django.urls import path

from blog import views

urlpatterns = [
    path("", views.home, name="home"),
    path("articles/<slug:slug>/", views.article, name="article"),
    path("ranking/", views.ranking, name="ranking"),
    path("ranking/refresh/", views.refresh_ranking, name="refresh-ranking"),
    path("import/", views.import_, name="import"),
]
