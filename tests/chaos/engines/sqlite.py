"""SQLite: a file, so there is no server to kill and no connection to cut."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.database import Settings, sqlite_settings
from tests.chaos.engines.base import Engine


class SQLite(Engine):
    """Each run has a file of its own."""

    name = "sqlite"

    def settings(self, run: str, folder: Path) -> Settings:
        return sqlite_settings(folder / "jobs.sqlite3")
