"""The two ways to the database: the caller's own Django connection, and a private one for the worker's threads.

The caller's enqueue must join the caller's transaction, so it goes through Django's connection of that thread. A worker's
claims and settles must never touch the connection that user code has, so each broker of a worker opens a copy of the alias
for itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any, Protocol

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from celeriac.engine.errors import BrokerUnavailable, DatabaseLocked, SchemaMissing
from celeriac.engine.faults import fault_point
from celeriac.engine.translation import gettext as _

Rows = list[tuple[Any, ...]]
PATIENCE = 5.0
"""Seconds that any one statement of the engine may wait for a lock or a server."""


class Connection(Protocol):
    """What a dialect runs its statements on. Placeholders are ``%s``."""

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run one statement and return its rows."""

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run one statement and return the number of rows it changed."""

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run one statement for each of ``rows``; return the number of rows changed in all."""

    def insert(self, sql: str, params: Sequence[Any]) -> int:
        """Run one INSERT; return the new row's key, or 0 where nothing was inserted (SQLite only)."""

    def atomic(self) -> Any:
        """Return a context manager: a transaction that can write from its beginning."""

    def in_transaction(self) -> bool:
        """Return whether what is written now waits for somebody's COMMIT."""

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call ``action`` once what was written is visible to others: at once, or after the caller's COMMIT."""

    def close(self) -> None:
        """Let go of the connection where it is ours."""


class CallerConnection:
    """The Django connection of the calling thread: what is written here commits and rolls back with the caller's work."""

    def __init__(self, alias: str, native: Callable[[str], str]) -> None:
        self.alias = alias
        self._native = cache(native)

    @property
    def django(self) -> BaseDatabaseWrapper:
        """Django's connection of this thread."""
        return connections[self.alias]

    def _execute(self, sql: str, params: Sequence[Any], many: bool = False) -> Any:
        """Run a statement on Django's connection, through Django's cursor only where somebody looks at its statements.

        That cursor costs more than the statement (about 15 us each, and an enqueue has four): it serves where a wrapper is
        installed (debug toolbars, tests that count or forbid queries), where queries are logged, and before the first query.
        """
        django = self.django
        if django.connection is None or django.execute_wrappers or django.queries_logged:
            cursor = django.cursor()
            (cursor.executemany if many else cursor.execute)(sql, params)
            return cursor
        django.close_if_health_check_failed()
        django.ensure_connection()
        django.validate_no_broken_transaction()
        with django.wrap_database_errors:
            cursor = django.connection.cursor()
            (cursor.executemany if many else cursor.execute)(self._native(sql), params)
        return cursor

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        cursor = self._execute(sql, params)
        with self.django.wrap_database_errors:
            rows: Rows = cursor.fetchall()
        cursor.close()
        return rows

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        return int(self._execute(sql, params).rowcount)

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        return int(self._execute(sql, rows, many=True).rowcount)

    def insert(self, sql: str, params: Sequence[Any]) -> int:
        cursor = self._execute(sql, params)
        return int(cursor.lastrowid or 0) if cursor.rowcount > 0 else 0

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Join the caller's transaction, or make a short one of our own.

        Inside the caller's, no savepoint: a failed INSERT here must fail the caller's transaction, not half of it.
        """
        django = self.django
        if django.in_atomic_block or not django.get_autocommit():
            yield
        elif django.vendor == "sqlite":
            with self._immediate():
                yield
        else:
            with transaction.atomic(using=self.alias):
                yield

    @contextmanager
    def _immediate(self) -> Iterator[None]:
        # Whatever the project's transaction_mode is, our own short transaction writes from its beginning: a deferred one
        # fails at once when it turns from reading to writing while another process writes.
        self._execute("BEGIN IMMEDIATE", ())
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK", ())
            raise
        self._execute("COMMIT", ())

    def spoil(self) -> None:
        """See that the caller's transaction cannot commit: the server has undone it, or a part of it.

        MySQL would go on in a new one, as if nothing had happened, and keep the later half of the caller's work.
        """
        if self.django.in_atomic_block:
            self.django.needs_rollback = True

    def in_transaction(self) -> bool:
        return bool(self.django.in_atomic_block)

    def after_commit(self, action: Callable[[], None]) -> None:
        if self.django.in_atomic_block:
            transaction.on_commit(action, using=self.alias, robust=True)
        else:
            action()

    def close(self) -> None:
        """Drop a broken connection, so that the next call makes a new one. One that works is Django's to close."""
        django = self.django
        if django.connection is not None and not django.in_atomic_block and not django.is_usable():
            django.close()


class OwnConnection:
    """A private copy of a database alias, in autocommit, opened at first use. Owned by one thread at a time.

    ``options`` changes the alias's OPTIONS, ``prepare`` gets the driver's raw connection after it was opened and returns
    the cursor to use, ``native`` turns ``%s`` into the driver's own placeholders, ``begin`` starts a writing transaction.
    """

    def __init__(
        self,
        alias: str,
        options: Callable[[dict[str, Any]], dict[str, Any]],
        prepare: Callable[[Any], Any],
        native: Callable[[str], str],
        begin: str,
    ) -> None:
        self.alias = alias
        self._options = options
        self._prepare = prepare
        self._native = native
        self._begin = begin
        self._django: BaseDatabaseWrapper | None = None
        self._cursor: Any = None
        self._inside = False
        self._sql: dict[str, str] = {}

    @property
    def errors(self) -> Any:
        """A context manager that turns what the driver raises into Django's errors, for what is done with ``raw`` itself."""
        return self._django.wrap_database_errors if self._django is not None else nullcontext()

    @property
    def raw(self) -> Any:
        """The driver's own connection."""
        if self._django is None:
            self._open()
        assert self._django is not None
        return self._django.connection

    def _open(self) -> None:
        django = connections[self.alias].copy()
        django.settings_dict = {**django.settings_dict, "CONN_MAX_AGE": None, "ATOMIC_REQUESTS": False}
        django.settings_dict["OPTIONS"] = self._options(dict(django.settings_dict["OPTIONS"]))
        django.inc_thread_sharing()
        with django.wrap_database_errors:
            django.connect()
        self._cursor = self._prepare(django.connection)
        self._django = django

    def _statement(self, sql: str) -> str:
        native = self._sql.get(sql)
        if native is None:
            native = self._sql[sql] = self._native(sql)
        return native

    def _execute(self, sql: str, params: Sequence[Any]) -> Any:
        if self._django is None:
            self._open()
        assert self._django is not None
        with self._django.wrap_database_errors:
            self._cursor.execute(self._statement(sql), params)
        return self._cursor

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        cursor = self._execute(sql, params)
        assert self._django is not None
        with self._django.wrap_database_errors:
            rows: Rows = cursor.fetchall()
            return rows

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        return int(self._execute(sql, params).rowcount)

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        if self._django is None:
            self._open()
        assert self._django is not None
        with self._django.wrap_database_errors:
            self._cursor.executemany(self._statement(sql), rows)
        return int(self._cursor.rowcount)

    def insert(self, sql: str, params: Sequence[Any]) -> int:
        cursor = self._execute(sql, params)
        return int(cursor.lastrowid or 0) if cursor.rowcount > 0 else 0

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """One transaction that can write from its beginning; inside one already, a part of it."""
        if self._inside:
            yield
            return
        self._execute(self._begin, ())
        self._inside = True
        try:
            yield
        except BaseException:
            self._inside = False
            self._roll_back()
            raise
        self._inside = False
        fault_point("before-commit")
        self._execute("COMMIT", ())
        fault_point("after-commit")

    def _roll_back(self) -> None:
        try:
            self._execute("ROLLBACK", ())
        except Error:
            self.close()  # the connection is gone, and the transaction with it

    def in_transaction(self) -> bool:
        return self._inside

    def after_commit(self, action: Callable[[], None]) -> None:
        action()

    def close(self) -> None:
        if self._django is not None:
            django, self._django, self._cursor = self._django, None, None
            try:
                django.close()
            except Error:
                return  # a broken connection cannot be closed politely; the server forgets it


def is_locked(error: BaseException) -> bool:
    """Return whether SQLite refused because somebody else writes."""
    text = str(error)
    return "database is locked" in text or "database table is locked" in text


def code(error: BaseException) -> Any:
    """Return what the server calls an error: MySQL's number, PostgreSQL's SQLSTATE, None for other errors."""
    cause = error.__cause__
    first = cause.args[0] if cause is not None and cause.args else None
    return first if isinstance(first, int) else getattr(cause, "sqlstate", None)


def is_conflict(error: BaseException) -> bool:
    """Return whether a server chose this transaction to give way: deadlock, serialization, or MySQL's lock wait timeout."""
    return code(error) in {"40P01", "40001", 1213, 1205}


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
