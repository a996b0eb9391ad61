"""Celeriac among Django's apps without a line in INSTALLED_APPS: its tables and its commands come with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.apps import AppConfig, apps

from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.translation import gettext as _

NAME = "celeriac"


def add_when_apps_are_loaded() -> None:
    """Have Django load the app ``celeriac`` after those of INSTALLED_APPS, unless it is one of them.

    Django offers no hook between reading INSTALLED_APPS and loading it; so its ``apps.populate`` is wrapped, here and nowhere
    else. Raises ``ImproperlyConfigured`` where the apps are being loaded already without it.
    """
    if apps.loading and not _named(_installed()):
        raise ImproperlyConfigured(
            _(
                "install_as_celery() was called after Django began to load the apps of INSTALLED_APPS, and 'celeriac'"
                " is not one of them. Call it in the __init__.py of the package that holds the settings, or add"
                " 'celeriac' to INSTALLED_APPS."
            )
        )
    vars(apps)["populate"] = partial(_populate, apps.populate)


def _populate(populate: Callable[[Iterable[Any]], None], installed_apps: Iterable[Any] = ()) -> None:
    listed = list(installed_apps)
    populate(listed if _named(listed) else [*listed, NAME])


def _named(entries: Iterable[Any]) -> bool:
    names = (entry.name if isinstance(entry, AppConfig) else entry for entry in entries)
    return any(name == NAME or name.startswith(f"{NAME}.") for name in names)


def _installed() -> Iterable[Any]:
    from django.conf import settings  # settled by now: the apps are being loaded

    return settings.INSTALLED_APPS
