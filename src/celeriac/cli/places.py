"""Lines of the start-up text: where jobs are, what that cannot do by its nature, and where results are."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error

from celeriac.conf import Settings
from celeriac.conf.brokers import without_password
from celeriac.engine.brokers.base import Capabilities
from celeriac.engine.brokers.factory import CACHE, RABBIT, connect_broker
from celeriac.engine.brokers.rabbitmq.address import store_of
from celeriac.engine.translation import gettext as _
from celeriac.outbox import is_in_database


def places(settings: Settings) -> list[str]:
    """Return the lines. What a broker can do is asked of its ``capabilities``; nothing is connected."""
    url = settings.broker_url
    broker = connect_broker(url)
    shares = is_in_database(broker, settings.outbox)
    lines = [_("  broker  {broker}").format(broker=describe_broker(url, shares))]
    if url.partition(":")[0].lower() in RABBIT:
        lines.append(_("  store   {store}").format(store=describe_store(store_of(url))))
    lines += lacking(broker.capabilities, shares, settings.outbox)
    if settings.results is not None:
        lines.append(_("  results {results}").format(results=describe_store(settings.results)))
    return lines


def lacking(can: Capabilities, shares_transaction: bool, outbox: str | None) -> list[str]:
    """Return the line about what a broker cannot do, or none. ``outbox`` is the database whose transactions count."""
    found = [
        (can.durable, _("a life beyond this process")),
        (shares_transaction, _without_transaction(can, outbox)),
        (can.delay, _("delays")),
        (can.priority, _("priorities of what waits in it")),
        (can.inspect, _("lists of what waits in it")),
        (can.wakes, _("wake-ups: idle workers look for jobs")),
    ]
    lacks = "; ".join(text for can_do, text in found if not can_do)
    return [_("  lacks   {lacks}").format(lacks=lacks)] if lacks else []


def _without_transaction(can: Capabilities, outbox: str | None) -> str:
    if outbox is None:
        return _("a transaction shared with the caller (a job is sent at its call)")
    if not can.durable:
        return _("a transaction shared with the caller (a job is sent after its COMMIT)")
    return _("a transaction shared with the caller (the outbox keeps a job until its COMMIT)")


def describe_store(url: str) -> str:
    """Return the store of results, or of jobs, in a few words."""
    if url.startswith(f"{CACHE}:"):
        alias = urlsplit(url).netloc
        return _("the cache {alias!r} ({backend})").format(alias=alias, backend=django_settings.CACHES[alias]["BACKEND"])
    if url.startswith("django:"):
        return _("{url} ({vendor}: {where})").format(url=url, **_database(url))
    return without_password(url)


def describe_broker(url: str, shares_transaction: bool) -> str:
    """Return the broker in a few words."""
    if not url.startswith("django://") or not shares_transaction:
        return describe_store(url)
    return _("{url} ({vendor}: {where}; jobs commit with the caller's transaction)").format(url=url, **_database(url))


def _database(url: str) -> dict[str, str]:
    """Return what and where the database of a URL is."""
    connection = connections[url.removeprefix("django://").strip("/") or "default"]
    return {"vendor": _vendor(connection), "where": str(connection.settings_dict["NAME"])}


def _vendor(connection: BaseDatabaseWrapper) -> str:
    try:
        return connection.display_name
    except Error:
        return "MySQL"  # or MariaDB: Django asks the server which, and it does not answer
