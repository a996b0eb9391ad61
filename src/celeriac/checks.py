"""System checks: what ``manage.py check`` says about Celeriac's settings and the database it uses."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Info, Warning, register  # noqa: A004 - Django's name
from django.db import connections

from celeriac.compat.companions import REPLACEMENTS
from celeriac.conf import Reading
from celeriac.current import current_app
from celeriac.engine.translation import gettext as _

TRANSACTION_MODE = (
    '\n\n    "OPTIONS": {\n'
    '        "transaction_mode": "IMMEDIATE",\n'
    '        "timeout": 20,\n'
    '        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",\n'
    "    },"
)


def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Errors and warnings of the settings, each with the nearest name, and what is accepted without effect."""
    reading: Reading = current_app().conf.read()
    return [
        *(Error(text, id="celeriac.E001") for text in reading.errors),
        *(Warning(text, id="celeriac.W001") for text in reading.warnings),
        *(Info(text, id="celeriac.I001") for text in reading.notes),
    ]


def check_database(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """SQLite needs transactions that begin as writing ones, or several processes lock each other out."""
    reading: Reading = current_app().conf.read()
    url = reading.settings.broker_url
    if reading.errors or not url.startswith("django://"):
        return []
    alias = url.removeprefix("django://").strip("/") or "default"
    if alias not in connections.databases:
        known = ", ".join(sorted(connections.databases))
        return [
            Error(
                _("CELERY_BROKER_URL is {url!r}, and DATABASES has no {alias!r}. There are: {known}.").format(
                    url=url, alias=alias, known=known
                ),
                id="celeriac.E002",
            )
        ]
    return _check_sqlite(alias)


def _check_sqlite(alias: str) -> list[CheckMessage]:
    connection = connections[alias]
    if connection.vendor != "sqlite" or _in_memory(str(connection.settings_dict["NAME"])):
        return []
    mode = str(connection.settings_dict["OPTIONS"].get("transaction_mode") or "DEFERRED").upper()
    if mode in ("IMMEDIATE", "EXCLUSIVE"):
        return []
    return [
        Warning(
            _(
                "The SQLite database {alias!r} begins its transactions in mode {mode}. When one of them turns from"
                " reading to writing while another process writes, SQLite answers 'database is locked' at once."
            ).format(alias=alias, mode=mode),
            hint=_("Add to DATABASES[{alias!r}]:").format(alias=alias) + TRANSACTION_MODE,
            id="celeriac.W002",
        )
    ]


def check_companions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Celery's Django apps may stay in INSTALLED_APPS; each is named with what does its work now."""
    return [
        Warning(
            _("{name!r} in INSTALLED_APPS does nothing with Celeriac. {instead}").format(
                name=config.name, instead=_(REPLACEMENTS[config.name])
            ),
            hint=_("Take {name!r} out of INSTALLED_APPS, or silence this check.").format(name=config.name),
            id="celeriac.W010",
        )
        for config in apps.get_app_configs()
        if config.name in REPLACEMENTS
    ]


def _in_memory(name: str) -> bool:
    return name == ":memory:" or "mode=memory" in name


def register_all() -> None:
    """Register the checks."""
    register(check_settings, "celeriac")
    register(check_database, "celeriac")
    register(check_companions, "celeriac")
