"""Tells Django about this app."""

from django.apps import AppConfig


class BlogConfig(AppConfig):
    """The blog."""

    name = "blog"
