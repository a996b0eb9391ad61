"""What a database server answers instead of rows: which errors are which, and ours in their place."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.utils import IntegrityError, InterfaceError, OperationalError, ProgrammingError

from celeriac.engine.brokers.sql.connection import PATIENCE, CallerConnection, Connection
from celeriac.engine.errors import BrokerUnavailable, DatabaseLocked, SchemaMissing
from celeriac.engine.translation import gettext as _


def is_locked(error: BaseException) -> bool:
    """Return whether SQLite refused because somebody else writes."""
    text = str(error)
    return "database is locked" in text or "database table is locked" in text


def code(error: BaseException) -> Any:
    """Return what the server calls an error: MySQL's number, PostgreSQL's SQLSTATE, None for other errors."""
    cause = error.__cause__
    first = cause.args[0] if cause is not None and cause.args else None
    return first if isinstance(first, int) else getattr(cause, "sqlstate", None)


def is_deadlock(error: BaseException) -> bool:
    """Return whether a server chose this transaction to give way: deadlock or serialization."""
    return code(error) in {"40P01", "40001", 1213}


def is_conflict(error: BaseException) -> bool:
    """Return whether a transaction met another: as a deadlock's victim, or in MySQL's lock wait timeout."""
    return is_deadlock(error) or code(error) == 1205


def is_gone(error: BaseException) -> bool:
    """Return whether MySQL has closed the connection: "server has gone away", lost, killed, or idle for too long."""
    return code(error) in {2006, 2013, 1927, 4031}


def is_duplicate(error: IntegrityError) -> bool:
    """Return whether MySQL refused a row because its key is there already."""
    return bool(code(error) == 1062)


@contextmanager
def typed_errors(alias: str, connection: Connection) -> Iterator[None]:
    """Turn the driver's errors into ours: ``SchemaMissing``, ``DatabaseLocked``, ``BrokerUnavailable``."""
    begun = time.monotonic()
    try:
        yield
    except (OperationalError, InterfaceError, ProgrammingError) as error:
        if "no such table: celeriac_" in str(error) or code(error) in {"42P01", 1146}:
            raise SchemaMissing(alias) from error
        if isinstance(error, ProgrammingError):
            raise
        if is_locked(error) and isinstance(connection, CallerConnection):
            raise DatabaseLocked(alias, time.monotonic() - begun) from error
        if is_locked(error):
            raise BrokerUnavailable(
                _("Another process has kept the database {alias!r} locked for {patience:g} s.").format(
                    alias=alias, patience=PATIENCE
                )
            ) from error
        if is_conflict(error) and isinstance(connection, CallerConnection):
            connection.spoil()
        connection.close()
        raise BrokerUnavailable(
            _("The database {alias!r} did not answer: {error}").format(alias=alias, error=str(error).strip())
        ) from error
