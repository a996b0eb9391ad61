"""``DATABASES`` of Django for a place, as its documentation recommends."""

from __future__ import annotations

from typing import Any

from benchmarks.place import Place

WAL = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=10000;"
SQLITE = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": WAL}


def default_database(place: Place) -> dict[str, Any]:
    """Return the settings of the alias ``default``: the place's database, or a SQLite file where that is none."""
    if place.engine == "postgres":
        address = {"HOST": place.host, "PORT": str(place.port), "USER": place.user, "NAME": place.database}
        return {"ENGINE": "django.db.backends.postgresql", **address, "OPTIONS": {"prepare_threshold": 5}}
    if place.engine == "mariadb":
        return {"ENGINE": "django.db.backends.mysql", "HOST": place.host, "USER": place.user, "NAME": place.database}
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": place.file("site.sqlite3"), "OPTIONS": SQLITE}
