"""The two ways to the database: the caller's own Django connection, and a private one for the worker's threads.

The caller's enqueue must join the caller's transaction, so it goes through Django's connection of that thread. A worker's
claims and settles must never touch the connection that user code has, so each broker of a worker opens a copy of the alias
for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any, NamedTuple, Protocol

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error

from celeriac.engine.faults import fault_point

Rows = list[tuple[Any, ...]]
Statement = tuple[str, Sequence[Any]]
PATIENCE = 5.0
"""Seconds that any one statement of the engine may wait for a lock or a server."""


# Whatever the project's transaction_mode is, our own short transaction on SQLite writes from its beginning: a deferred one
# fails at once when it turns from reading to writing while another process writes.
_BEGIN = {"sqlite": "BEGIN IMMEDIATE", "mysql": "BEGIN"}
_READ_COMMITTED = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
"""Of the next transaction on MySQL, not of the project's."""
_MULTI_STATEMENTS = 1 << 16
"""CLIENT_MULTI_STATEMENTS of the protocol of MySQL."""


class Connection(Protocol):
    """What a dialect runs its statements on. Placeholders are ``%s``."""

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        """Run one statement and return its rows."""

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run one statement and return the number of rows it changed."""

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run one statement for each of ``rows``; return the number of rows changed in all."""

    def at_once(self, *statements: Statement) -> bool:
        """Run statements as a transaction of their own, in one trip to the server (MySQL only).

        Returns False, with nothing done, inside a transaction and where the driver takes but one at a time (PyMySQL).
        """

    def atomic(self) -> Any:
        """Return a context manager: a transaction that can write from its beginning."""

    def in_transaction(self) -> bool:
        """Return whether what is written now waits for somebody's COMMIT."""

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call ``action`` once what was written is visible to others: at once, or after the caller's COMMIT."""

    def close(self) -> None:
        """Let go of the connection where it is ours."""


class _OpenCursor(NamedTuple):
    """A cursor of Django's connection, and what goes with it. All statements of one short transaction share one."""

    cursor: Any
    native: Callable[[str], str]
    errors: AbstractContextManager[Any]


class CallerConnection:
    """The Django connection of the calling thread: what is written here commits and rolls back with the caller's work."""

    def __init__(self, alias: str, native: Callable[[str], str], cursor: Callable[[Any], Any]) -> None:
        self.alias = alias
        self._native = cache(native)
        self._cursor = cursor
        self._here = threading.local()

    @property
    def django(self) -> BaseDatabaseWrapper:
        """Django's connection of this thread."""
        return connections[self.alias]

    def _open_cursor(self, django: BaseDatabaseWrapper) -> _OpenCursor:
        """Return a cursor on Django's connection: Django's own only where somebody looks at its statements.

        That costs more than the statement (about 15 us each, and an enqueue has four): it serves where a wrapper is
        installed (debug toolbars, tests that count or forbid queries), where queries are logged, and before the first query.
        """
        if django.connection is None or django.execute_wrappers or django.queries_logged:
            return _OpenCursor(django.cursor(), str, django.wrap_database_errors)
        django.close_if_health_check_failed()
        django.ensure_connection()
        django.validate_no_broken_transaction()
        with django.wrap_database_errors:
            return _OpenCursor(self._cursor(django.connection), self._native, django.wrap_database_errors)

    def _execute(self, sql: str, params: Sequence[Any], many: bool = False) -> Any:
        """Run a statement on the cursor of our short transaction, where there is one, or on one of its own."""
        short: _OpenCursor | None = getattr(self._here, "short", None)
        cursor, native, errors = short or self._open_cursor(self.django)
        with errors:
            (cursor.executemany if many else cursor.execute)(native(sql), params)
        return cursor

    def fetch(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        short: _OpenCursor | None = getattr(self._here, "short", None)
        cursor, native, errors = short or self._open_cursor(self.django)
        with errors:
            cursor.execute(native(sql), params)
            rows: Rows = cursor.fetchall()
        if short is None:
            cursor.close()
        return rows

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        return int(self._execute(sql, params).rowcount)

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        return int(self._execute(sql, rows, many=True).rowcount)

    def at_once(self, *statements: Statement) -> bool:
        django = self.django
        if django.vendor != "mysql" or self.in_transaction() or hasattr(self._here, "short"):
            return False
        django.ensure_connection()
        if not getattr(django.connection, "client_flag", 0) & _MULTI_STATEMENTS:  # PyMySQL's; mysqlclient's unless told to
            return False
        cursor, native, errors = self._open_cursor(django)
        text, params = _together(django, statements)
        try:
            with errors:
                cursor.execute(native(text), params)
                while cursor.nextset():
                    pass  # what one of them was refused for is raised here
        except BaseException:
            self._roll_back()
            raise
        cursor.close()
        return True

    def atomic(self) -> AbstractContextManager[None]:
        """Join the caller's transaction, or make a short one of our own.

        Inside the caller's, no savepoint: a failed INSERT here must fail the caller's transaction, not half of it.
        """
        django = self.django
        if django.in_atomic_block or not django.get_autocommit() or hasattr(self._here, "short"):
            return nullcontext()
        if django.vendor in _BEGIN:
            return self._short(django)
        own: AbstractContextManager[None] = transaction.atomic(using=self.alias)
        return own

    @contextmanager
    def _short(self, django: BaseDatabaseWrapper) -> Iterator[None]:
        """One transaction of ours alone, in the server's own words: Django would switch autocommit off and on, a trip each."""
        for statement in _first(django):
            self._execute(statement, ())
        cursor, native, errors = short = self._open_cursor(django)
        with errors:
            cursor.execute(native(_BEGIN[django.vendor]))
        self._here.short = short
        try:
            yield
            with errors:
                cursor.execute(native("COMMIT"))
        except BaseException:
            self._roll_back()
            raise
        finally:
            del self._here.short
        cursor.close()

    def _roll_back(self) -> None:
        try:
            self._execute("ROLLBACK", ())
        except Error:
            self.django.close()  # the connection is gone, and the transaction with it

    def spoil(self) -> None:
        """See that the caller's transaction cannot commit: the server has undone it, or a part of it.

        MySQL would go on in a new one, as if nothing had happened, and keep the later half of the caller's work.
        """
        if self.django.in_atomic_block:
            self.django.needs_rollback = True

    def in_transaction(self) -> bool:
        django = self.django
        autocommit = django.settings_dict["AUTOCOMMIT"] if django.connection is None else django.autocommit
        return bool(django.in_atomic_block or not autocommit)

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


def _first(django: BaseDatabaseWrapper) -> Sequence[str]:
    """Return what comes before the BEGIN of a transaction of ours."""
    own = django.vendor == "mysql" and getattr(django, "isolation_level", None) != "read committed"
    return (_READ_COMMITTED,) if own else ()


def _together(django: BaseDatabaseWrapper, statements: Sequence[Statement]) -> Statement:
    """Return a transaction of MySQL's as one text."""
    text = "; ".join([*_first(django), _BEGIN["mysql"], *(sql for sql, _ in statements), "COMMIT"])
    return text, [value for _, params in statements for value in params]


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
            self._cursor = self._prepare(django.connection)  # a statement too, and the connection may be cut at it
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

    def at_once(self, *statements: Statement) -> bool:
        return False  # a worker writes in batches

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """One transaction that can write from its beginning; inside one already, a part of it."""
        if self._inside:
            yield
            return
        try:
            self._start()
            self._inside = True
            yield
            fault_point("before-commit")
            self._execute("COMMIT", ())
        except BaseException:
            if self._inside:
                self._roll_back()
            raise
        finally:
            self._inside = False
            self._stop()
        fault_point("after-commit")

    def _start(self) -> None:
        self._execute(self._begin, ())

    def _stop(self) -> None:
        """The transaction is over."""

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
