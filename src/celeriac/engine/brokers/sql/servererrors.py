"""What a database server answers instead of rows: which errors are which, and ours in their place."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from django.db.utils import DatabaseError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

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


class typed_errors:  # noqa: N801 - read as a verb: ``with typed_errors(...)``
    """Turn the driver's errors into ours: ``SchemaMissing``, ``DatabaseLocked``, ``BrokerUnavailable``.

    A class, since each operation enters it and a generator costs five times as much.
    """

    __slots__ = ("_alias", "_begun", "_connection")

    def __init__(self, alias: str, connection: Connection) -> None:
        self._alias = alias
        self._connection = connection

    def __enter__(self) -> None:
        self._begun = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, OperationalError | InterfaceError | ProgrammingError):
            typed = _typed(error, self._alias, self._connection, time.monotonic() - self._begun)
            if typed is not None:
                raise typed from error


def _typed(error: DatabaseError | InterfaceError, alias: str, connection: Connection, seconds: float) -> Exception | None:
    """Return our error for the driver's, which came after so many seconds; None for a mistake of ours in a statement."""
    if "no such table: celeriac_" in str(error) or code(error) in {"42P01", 1146}:
        return SchemaMissing(alias)
    if isinstance(error, ProgrammingError):
        return None
    callers = connection if isinstance(connection, CallerConnection) else None
    if is_locked(error):
        return DatabaseLocked(alias, seconds) if callers else _kept_locked(alias)
    if callers and is_conflict(error):
        callers.spoil()
    connection.close()
    return BrokerUnavailable(_("The database {alias!r} did not answer: {error}").format(alias=alias, error=str(error).strip()))


def _kept_locked(alias: str) -> BrokerUnavailable:
    return BrokerUnavailable(
        _("Another process has kept the database {alias!r} locked for {patience:g} s.").format(alias=alias, patience=PATIENCE)
    )
