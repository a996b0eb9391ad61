"""Where a project may ask for its jobs to go: a URL of ours, or one of Celery's whose broker is not in this version."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from celeriac.engine.brokers.factory import RABBIT, REDIS, SCHEMES
from celeriac.engine.brokers.rabbitmq.address import without_store
from celeriac.engine.translation import gettext as _

DEFAULT = "django://default"

CELERYS = frozenset({
    "amqp", "amqps", "azureservicebus", "azurestoragequeues", "confluentkafka", "consul", "etcd", "filesystem", "gcpubsub",
    "kafka", "librabbitmq", "mongodb", "pgmq", "pyamqp", "pyro", "qpid", "redis", "rediss", "sentinel", "sqla", "sqlalchemy",
    "sqs", "zookeeper",
})  # fmt: skip
"""What the URLs of Celery's brokers begin with."""

SENTINELS = frozenset({"sentinel", "sentinels"})
"""Their hosts are separated by semicolons. Elsewhere these separate brokers, of which the first is used."""


def broker_url(value: Any) -> str:
    """A URL of a broker; the first of several. One that Celery has and this version has not means the project's database."""
    first = value[0] if isinstance(value, list | tuple) and value else value
    if first is None:
        return DEFAULT
    if not isinstance(first, str) or not first:
        raise ValueError(_("a text that is not empty"))
    scheme = first.partition(":")[0].lower()
    if scheme in SCHEMES:
        return first if scheme in SENTINELS else first.partition(";")[0]
    return DEFAULT if scheme.partition("+")[0] in CELERYS else first


def with_master(url: str, options: Any) -> str:
    """Return a URL of Sentinels with the name of their master, which Celery has among the options of its transport."""
    name = options.get("master_name") if isinstance(options, dict) else None
    if not name or url.partition(":")[0].lower() not in SENTINELS or "sentinel_master=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}sentinel_master={quote(str(name))}"


def with_store(url: str, backend: str | None) -> str:
    """Return a URL of RabbitMQ that names as its store the server or database of the result backend, where that can be one."""
    kind = (backend or "").partition(":")[0].lower()
    if url.partition(":")[0].lower() not in RABBIT or kind not in (*REDIS, "django") or "store=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}store={quote(str(backend), safe='')}"


def without_password(url: str) -> str:
    """Return a URL as it may be shown."""
    if url.partition(":")[0].lower() in RABBIT:
        url = without_store(url)  # a URL within the URL
    scheme, slashes, rest = url.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"
