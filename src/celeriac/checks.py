"""System checks: what ``manage.py check`` says about Celeriac's settings and the database it uses."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's name
from django.db import connections

from celeriac.conf import Reading
from celeriac.current import current_app

TRANSACTION_MODE = (
    "Add to DATABASES[{alias!r}]:\n\n"
    '    "OPTIONS": {{\n'
    '        "transaction_mode": "IMMEDIATE",\n'
    '        "timeout": 20,\n'
    '        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",\n'
    "    }},"
)


def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Errors and warnings of the settings, each with the nearest name."""
    reading: Reading = current_app().conf.read()
    return [
        *(Error(text, id="celeriac.E001") for text in reading.errors),
        *(Warning(text, id="celeriac.W001") for text in reading.warnings),
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
        return [Error(f"CELERY_BROKER_URL is {url!r}, and DATABASES has no {alias!r}. There are: {known}.", id="celeriac.E002")]
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
            f"The SQLite database {alias!r} begins its transactions in mode {mode}. When one of them turns from reading to"
            " writing while another process writes, SQLite answers 'database is locked' at once.",
            hint=TRANSACTION_MODE.format(alias=alias),
            id="celeriac.W002",
        )
    ]


def _in_memory(name: str) -> bool:
    return name == ":memory:" or "mode=memory" in name


def register_all() -> None:
    """Register the checks."""
    register(check_settings, "celeriac")
    register(check_database, "celeriac")
