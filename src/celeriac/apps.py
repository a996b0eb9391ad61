"""Celeriac as a Django app."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig
from django.conf import global_settings
from django.core.signals import setting_changed
from django.utils.translation import get_language

from celeriac.engine.translation import of_environment, take_language_from
from celeriac.schedules.zone import take_zone_from


class CeleriacConfig(AppConfig):
    """Finds the tasks of the project once every app is loaded."""

    name = "celeriac"
    verbose_name = "Celeriac"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import the ``tasks`` module of each installed app, unless the project's own app says what to import."""
        from celeriac.current import current_app

        take_language_from(_language)
        take_zone_from(lambda: current_app().timezone)
        setting_changed.connect(_setting_changed, dispatch_uid="celeriac")
        if find_spec("celeriac.checks") is not None:
            import_module("celeriac.checks").register_all()
        app = current_app()
        if not app.discovers:
            app.autodiscover_tasks()
        app.discover()


def _language() -> str:
    """Return the language of the moment: Django's, unless that is its default, which nobody chose."""
    chosen = get_language() or ""
    return of_environment() if chosen == global_settings.LANGUAGE_CODE else chosen


def _setting_changed(*, setting: str, **_: Any) -> None:
    """A test overrides a setting: read ours anew."""
    from celeriac.current import apps

    if setting.startswith(("CELER", "BROKER_")) or setting == "TIME_ZONE":
        for app in apps():
            app.conf.forget()
