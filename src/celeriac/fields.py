"""A column of our own."""

from __future__ import annotations

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class JobNumber(models.BigIntegerField):  # type: ignore[type-arg]  # Django's own class takes none
    """The number of a job as the key of another table.

    SQLite finds a row by the key itself only where its type is called ``integer``; a ``bigint`` gets an index beside the
    table, which is one more page to write for every job that is enqueued, claimed and settled.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return "integer" if connection.vendor == "sqlite" else super().db_type(connection)
