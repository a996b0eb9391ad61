"""The database, where it is the broker or holds our tables: migrations, SQLite's journal, transactions that stay open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error

from celeriac.doctor.finding import Findings, advice, error, warning
from celeriac.engine.translation import gettext as _
from celeriac.outbox import alias_of, has_tables

if TYPE_CHECKING:
    from celeriac.app import Celery

LONG = 300.0
"""Seconds after which an open transaction is worth a word."""
OPEN = """select pid, usename, coalesce(application_name, ''), state, extract(epoch from now() - xact_start)
    from pg_stat_activity where xact_start < now() - make_interval(secs => %s) and pid <> pg_backend_pid()
    and backend_type = 'client backend' order by xact_start limit 5"""
OPEN_MYSQL = """select trx_mysql_thread_id, '', '', trx_state, timestampdiff(second, trx_started, now())
    from information_schema.innodb_trx where trx_started < now() - interval %s second order by trx_started limit 5"""


def migrations(app: Celery) -> Findings:
    """Compare the migrations that there are with those that were applied."""
    alias = alias_of(app)
    if alias is None or not has_tables():
        return
    try:
        executor = MigrationExecutor(connections[alias])
        targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "celeriac"]
        missing = [
            migration.name for migration, _backwards in executor.migration_plan(targets) if migration.app_label == "celeriac"
        ]
    except Error as failure:
        text = _("The database {alias!r} did not answer: {error}").format(alias=alias, error=str(failure).strip())
        yield error("migrations", text, _("Start the server, or mend DATABASES."))
        return
    if missing:
        text = _("Migrations of celeriac are not applied to the database {alias!r}: {names}.")
        fix = "python manage.py migrate celeriac" + ("" if alias == "default" else f" --database {alias}")
        yield error("migrations", text.format(alias=alias, names=", ".join(missing)), fix)


def journal(app: Celery) -> Findings:
    """SQLite: readers and the writer are in each other's way unless it writes ahead."""
    alias = alias_of(app)
    if alias is None or connections[alias].vendor != "sqlite":
        return
    mode = str(_rows(alias, "PRAGMA journal_mode")[0][0]).lower()
    if mode not in ("wal", "memory"):
        text = _("The SQLite database {alias!r} has the journal mode {mode!r}: whoever reads keeps the writer out.")
        line = '"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"'
        fix = _("Add to the OPTIONS of DATABASES[{alias!r}]: {line}").format(alias=alias, line=line)
        yield warning("journal", text.format(alias=alias, mode=mode), fix)


def transactions(app: Celery) -> Findings:
    """PostgreSQL cannot clear away what changed after the oldest open transaction began; MySQL neither. The queue gets slow."""
    alias = alias_of(app)
    query = None if alias is None else {"postgresql": OPEN, "mysql": OPEN_MYSQL}.get(connections[alias].vendor)
    if alias is None or query is None:
        return
    try:
        found = _rows(alias, query, (LONG,))
    except Error as failure:  # MySQL asks for the right PROCESS
        text = _("Which transactions are open in the database {alias!r} may not be read: {error}")
        fix = _("Let the user read it, or look yourself.")
        yield advice("transactions", text.format(alias=alias, error=str(failure).strip()), fix)
        return
    kill = "select pg_terminate_backend({})" if connections[alias].vendor == "postgresql" else "kill {}"
    for pid, user, program, state, seconds in found:
        text = _(
            "A transaction of {who} has been open for {n} minutes ({state}). Until it ends the database clears away nothing"
            " that was deleted since, and claims get slower."
        )
        fix = _("End it: {command}; for ever: idle_in_transaction_session_timeout, or shorter atomic() blocks.")
        who = " ".join(str(part) for part in (user, program) if part) or f"{pid}"
        yield warning(
            "transactions", text.format(who=who, n=int(float(seconds) // 60), state=state), fix.format(command=kill.format(pid))
        )


def _rows(alias: str, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, values or None)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
