"""The outbox: a job whose broker is not the caller's database commits with the caller's transaction all the same.

Inside ``atomic()`` it is written to a table of that database, sent when the transaction commits, and deleted. What a killed
process has left there, a worker sends (``engine/worker/relay.py``). The broker knows a job by its id, so sending one twice
makes no second one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from django.db import Error, OperationalError, ProgrammingError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import Atomic

from celeriac.conf.reading import django_settings
from celeriac.engine.errors import BrokerUnavailable, ImproperlyConfigured, SchemaMissing, did_you_mean
from celeriac.engine.faults import fault_point
from celeriac.engine.ids import new_ids
from celeriac.engine.job import Job
from celeriac.engine.translation import gettext as _

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from celeriac.app import Celery
    from celeriac.conf import Settings
    from celeriac.engine.brokers.resultstore import ResultStore
    from celeriac.models import OutboxJob

logger = logging.getLogger("celeriac.outbox")

GRACE = 2.0
"""Seconds for which a row is left to the process that wrote it."""
BATCH = 200
_NO_PART = frozenset({
    "password", "username", "store", "heartbeat", "login_method", "connection_timeout", "socket_timeout",
    "socket_connect_timeout",
})  # fmt: skip
"""Options of a URL that say how one connects, not to what; so does all that begins with ``ssl_``."""

_packed = msgspec.msgpack.Encoder().encode
_unpacked = msgspec.msgpack.Decoder(Job).decode


def with_outbox(app: Celery, broker: Any) -> Any:
    """Return a broker for callers: itself where it is in the caller's database, else one that waits for the caller's COMMIT."""
    return broker if is_in_database(broker, app.settings.outbox) else OutboxBroker(app, broker)


def is_in_database(broker: Any, alias: str | None) -> bool:
    """Return whether a broker's jobs are rows of a database, and of ``alias`` where that is one. Then they need no outbox."""
    return bool(broker.capabilities.transactional) and alias in (None, broker.alias)


class OutboxBroker:
    """A broker whose jobs of an open transaction are kept in the outbox until that commits."""

    def __init__(self, app: Celery, broker: Any) -> None:
        self._app = app
        self._broker = broker
        self._has_tables = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def push(self, jobs: Sequence[Job]) -> None:
        """Accept jobs; those of an open transaction count when it commits, and are gone when it rolls back.

        Raises ``ImproperlyConfigured`` for an outbox in a database that there is not, ``SchemaMissing`` for one without tables.
        """
        settings = self._app.settings
        connection = self._transaction(settings.outbox)
        if connection is None:
            self._broker.push(jobs)
        elif self._broker.capabilities.durable:
            rows = _write(connection.alias, address(settings.broker_url), jobs)
            connection.on_commit(partial(self._send, connection.alias, tuple(jobs), rows))
        elif is_test_case(connection):  # which never commits; tests with such a broker want to see their jobs run
            self._broker.push(jobs)
        else:  # a row would outlive the broker
            connection.on_commit(partial(self._broker.push, tuple(jobs)))

    def _transaction(self, alias: str | None) -> BaseDatabaseWrapper | None:
        """Return this thread's connection to the outbox's database, where there is one and a transaction is open on it."""
        self._has_tables = self._has_tables or has_tables()
        if alias is None or not self._has_tables:
            return None
        if alias not in connections.databases:
            raise ImproperlyConfigured(no_database(alias))
        connection = connections[alias]
        return connection if connection.in_atomic_block else None

    def _send(self, alias: str, jobs: Sequence[Job], rows: Sequence[str]) -> None:
        """Send what has committed. It raises nothing that would keep the project's own ``on_commit`` functions from running."""
        fault_point("before-send")
        try:
            self._broker.push(jobs)
            fault_point("after-send")
            _delete(alias, rows)
        except (BrokerUnavailable, Error) as error:
            logger.warning("%s Jobs that wait in the outbox: %d. A worker will send them; nothing is lost.", error, len(jobs))


def no_database(alias: str) -> str:
    """Return the sentence about an outbox in a database that there is not."""
    known = connections.databases
    return _(
        "CELERIAC['OUTBOX'] is {alias!r}, and DATABASES has no such entry.{hint} Name the database whose transactions jobs"
        " belong to, or set it to None to enqueue without a look at transactions."
    ).format(alias=alias, hint=did_you_mean(alias, known))


def has_tables() -> bool:
    """Return whether this is a Django project with our app, and with it our tables."""
    if django_settings() is None:
        return False
    from django.apps import apps

    return apps.ready and apps.is_installed("celeriac")


def alias_of(app: Celery) -> str | None:
    """Return the database that has our tables: the broker's, else the outbox's; None without any."""
    url = app.settings.broker_url
    if url.startswith("django://"):
        return url.removeprefix("django://").strip("/") or "default"
    return app.settings.outbox if has_tables() and app.settings.outbox in connections.databases else None


def address(url: str) -> str:
    """Return what tells a broker from others: its URL, without what one logs in or connects with."""
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query) if pair[0] not in _NO_PART and not pair[0].startswith("ssl_")]
    query = urlencode(kept)
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return (f"{place}?{query}" if query else place)[:255]


def is_test_case(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the outermost transaction is the one that Django's ``TestCase`` rolls back after the test."""
    blocks: list[Atomic] = connection.atomic_blocks
    return bool(blocks) and bool(getattr(blocks[0], "_from_testcase", False))


# -- the table -----------------------------------------------------------------------------------------------------------------


def _rows(alias: str) -> QuerySet[OutboxJob]:
    from celeriac.models import OutboxJob  # models cannot be imported before the apps are loaded

    return OutboxJob.objects.using(alias)


def _write(alias: str, broker: str, jobs: Sequence[Job]) -> list[str]:
    """Write jobs in the caller's transaction. Returns the ids of the rows. Raises ``SchemaMissing``."""
    connection: Any = connections[alias]  # the stubs know less of it than there is
    table = _rows(alias).model._meta.db_table
    binary, place = connection.Database.Binary, "(%s, %s, _binary %s)" if connection.vendor == "mysql" else "(%s, %s, %s)"
    values = [(id, broker, binary(_packed(job))) for id, job in zip(new_ids(len(jobs)), jobs, strict=True)]
    try:
        # Without the model's instances, which cost six times as much as all the rest.
        with transaction.atomic(using=alias, savepoint=False), connection.cursor() as cursor:
            for start in range(0, len(values), BATCH):
                part = values[start : start + BATCH]
                insert = f"insert into {table} (id, broker, job) values {', '.join([place] * len(part))}"
                cursor.execute(insert, [value for row in part for value in row])
    except (OperationalError, ProgrammingError) as error:
        if table in str(error):  # each vendor names the table that is not there
            raise SchemaMissing(alias) from error
        raise
    return [row[0] for row in values]


def _delete(alias: str, rows: Sequence[str]) -> None:
    for start in range(0, len(rows), BATCH):
        _rows(alias).filter(id__in=rows[start : start + BATCH]).delete()


# -- what a crash left ---------------------------------------------------------------------------------------------------------


def outbox_of(settings: Settings, broker: Any, results: ResultStore | None = None) -> Outbox | None:
    """Return the outbox that a worker of ``broker``, with its results in ``results``, empties; None where there is none."""
    needs_none = is_in_database(broker, settings.outbox) or not broker.capabilities.durable
    if settings.outbox is None or needs_none or not has_tables():
        return None
    return Outbox(settings.outbox, settings.broker_url, results)


class Outbox:
    """Sends what a crash left of one broker's jobs. It belongs to one thread, and to that thread's connection of Django's."""

    def __init__(self, alias: str, broker_url: str, results: ResultStore | None = None) -> None:
        self._alias = alias
        self._broker = address(broker_url)
        self._results = results

    def send(self, push: Callable[[Sequence[Job]], None]) -> int:
        """Push every job that was not sent in time and delete it; return how many. Raises ``BrokerUnavailable``."""
        sent = 0
        try:
            for rows, jobs in self._batches():
                push([job for job in jobs if not self._has_ended(job.id)])
                _delete(self._alias, rows)
                sent += len(jobs)
        except Error as error:
            self.close()
            raise BrokerUnavailable(
                _("The outbox in the database {alias!r} cannot be read: {error}").format(alias=self._alias, error=error)
            ) from error
        return sent

    def _has_ended(self, id: str) -> bool:
        """Return whether a job that was sent, though its row is left, has ended and moved: the broker knows it no more."""
        return self._results is not None and self._results.get(id) is not None

    def close(self) -> None:
        """Let go of the connections."""
        connections[self._alias].close()
        if self._results is not None:
            self._results.close()

    def _batches(self) -> Iterator[tuple[list[str], list[Job]]]:
        """Yield rows and their jobs, the oldest first. A row that cannot be read stays, and does not block those behind it."""
        last = ""
        while rows := self._left(last):
            last = rows[-1][0]
            readable = [(id, job) for id, data in rows if (job := _read(id, bytes(data))) is not None]
            if readable:
                yield [id for id, job in readable], [job for id, job in readable]

    def _left(self, after: str) -> list[tuple[str, bytes | memoryview]]:
        from django.db.models.functions import Now

        old = _rows(self._alias).filter(broker=self._broker, id__gt=after, created__lt=Now() - timedelta(seconds=GRACE))
        return list(old.order_by("id").values_list("id", "job")[:BATCH])


def _read(id: str, data: bytes) -> Job | None:
    try:
        return _unpacked(data)
    except msgspec.MsgspecError as error:
        logger.error(
            "The row %s of the outbox cannot be read, and stays there: %s. Was it written by a newer version?", id, error
        )
        return None
