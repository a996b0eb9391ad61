"""Where a project may ask for its results to be: with their jobs, or in a store elsewhere. One of Celery's names, or a URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from celeriac.engine.brokers.factory import CACHE, RABBIT, REDIS
from celeriac.engine.brokers.rabbitmq import address as rabbitmq
from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _

DISABLED = frozenset({"disabled", "disabled://"})
"""No values are kept; what became of a job is."""
DATABASE, DJANGO_CACHE = "django-db", "django-cache"
WITH_THEIR_JOBS = frozenset({"rpc", "rpc://", "cache", "memory", "cache+memory", "cache+memory://"})
"""Those that keep results for the process that asks, or for the caller alone: results with their jobs do that, too."""
CELERYS = frozenset({
    "arangodb", "azureblockblob", "cassandra", "consul", "cosmosdbsql", "couchbase", "couchdb", "db", "dynamodb",
    "elasticsearch", "file", "gs", "ironcache", "mongodb", "riak", "s3",
})  # fmt: skip
"""What the URLs of Celery's other backends begin with."""
STORES = frozenset({"django", *REDIS})
"""What the URL of a store begins with. RabbitMQ remembers nothing."""
NAMES = (DATABASE, DJANGO_CACHE, "disabled", *(f"{scheme}://" for scheme in sorted(STORES)))


def result_backend(value: Any) -> str | None:
    """A name or URL of Celery's or ours, as it was written; None for nothing. A class is one of Celery's backends."""
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value)}"
    if is_known(text):
        return text
    expected = _("one of {names}{hint}").format(names=", ".join(map(repr, NAMES)), hint=did_you_mean(text, NAMES))
    raise ValueError(expected)


def cache_alias(value: Any) -> str:
    """The name of a cache; None means the default one."""
    if value is not None and not isinstance(value, str):
        raise ValueError(_("the name of an entry of CACHES"))
    return value or "default"


def is_known(text: str) -> bool:
    """Return whether somebody means something by it."""
    is_path_of_a_class = "://" not in text and "." in text
    is_celerys = _scheme(text).partition("+")[0] in CELERYS or text.startswith("cache+")
    return is_here(text) or is_with_its_job(text) or is_celerys or is_path_of_a_class


def is_with_its_job(text: str) -> bool:
    """Return whether this keeps results for who asks by id: results with their jobs do that, too."""
    return text in WITH_THEIR_JOBS or _scheme(text) in RABBIT or _scheme(text) == "memory"


def is_here(text: str) -> bool:
    """Return whether this says of where results are what they are made to do: with ``disabled``, nowhere."""
    return text in DISABLED | {DATABASE, DJANGO_CACHE} or _scheme(text) in STORES


def _scheme(text: str) -> str:
    return text.partition(":")[0].lower()


def store_of(backend: str | None, broker: str, cache: str, ages: Mapping[str, float]) -> str | None:
    """Return the URL of the store that results move to; None where they stay with their jobs.

    ``cache`` is the alias for ``django-cache``, ``ages`` how many seconds it keeps a result, by state.
    """
    if backend is None or _scheme(broker) == "memory":
        return None
    if backend == DJANGO_CACHE:
        return f"{CACHE}://{cache}?{urlencode(ages)}"
    url = "django://default" if backend == DATABASE else backend
    jobs = rabbitmq.store_of(broker) if _scheme(broker) in RABBIT else broker
    if _scheme(url) not in STORES or is_same(url, jobs):
        return None
    return url


def is_same(one: str, other: str) -> bool:
    """Return whether two URLs mean the same data."""
    if one == other:
        return True
    if {_scheme(one), _scheme(other)} == {"django"}:
        return _alias(one) == _alias(other)
    if not (_scheme(one) in REDIS and _scheme(other) in REDIS):
        return False
    try:
        from celeriac.engine.brokers.redis.address import Address, places  # its driver only where it is used
    except ModuleNotFoundError:
        return False  # whoever connects is told what to install
    return bool(places(one) & places(other)) and Address(one).prefix == Address(other).prefix


def _alias(url: str) -> str:
    return urlsplit(url).netloc or "default"
