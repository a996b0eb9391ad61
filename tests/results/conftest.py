"""A Valkey server for the broker, and a SQLite file for its results."""

from __future__ import annotations

from tests.conformance.conftest import postgres, postgres_alias, sqlite_alias, valkey
from tests.conformance.test_mixed import file_cache

__all__ = ["file_cache", "postgres", "postgres_alias", "sqlite_alias", "valkey"]
