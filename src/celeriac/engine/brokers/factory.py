"""From a URL to a broker."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from celeriac.engine.brokers.base import Broker, Store
from celeriac.engine.brokers.rabbitmq.address import store_of
from celeriac.engine.brokers.resultstore import ResultStore
from celeriac.engine.clock import SystemClock
from celeriac.engine.errors import ImproperlyConfigured, did_you_mean
from celeriac.engine.translation import gettext as _


class Engine(Broker, Store):
    """A broker that is its own store."""


def _django(url: str) -> Any:
    from celeriac.engine.brokers.sql.broker import SQLBroker  # Django and the driver only where they are used

    return SQLBroker(urlsplit(url).netloc or "default")


@cache
def _memory(url: str) -> Any:
    from celeriac.engine.brokers.memory import MemoryBroker

    return MemoryBroker(SystemClock())


def _redis(url: str) -> Any:
    try:
        from celeriac.engine.brokers.redis.broker import RedisBroker  # its driver only where it is used
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise ImproperlyConfigured(
            _(
                "CELERY_BROKER_URL begins with {scheme!r}, and redis-py is not installed: pip install 'celeriac[redis]'."
                ' To use the project\'s own database: CELERY_BROKER_URL = "django://default".'
            ).format(scheme=url.partition(":")[0])
        ) from error

    return RedisBroker(url)


def _rabbit(url: str) -> Any:
    try:
        from celeriac.engine.brokers.rabbitmq.broker import RabbitBroker  # its driver only where it is used
    except ModuleNotFoundError as error:
        if error.name != "amqp":
            raise
        raise ImproperlyConfigured(
            _(
                "CELERY_BROKER_URL begins with {scheme!r}, and py-amqp is not installed: pip install 'celeriac[rabbitmq]'."
                ' To use the project\'s own database: CELERY_BROKER_URL = "django://default".'
            ).format(scheme=url.partition(":")[0])
        ) from error

    return RabbitBroker(url, connect_broker(store_of(url)))


REDIS = (
    "redis", "rediss", "valkey", "valkeys", "unix", "redis+socket", "valkey+unix", "sentinel", "sentinels",
    "redis+cluster", "rediss+cluster", "valkey+cluster", "valkeys+cluster",
)  # fmt: skip
RABBIT = ("amqp", "amqps", "pyamqp")
"""They only carry jobs: a store has them from their arrival on, the one that the URL names by ?store=."""
CACHE = "cache"
"""What the URL of a Django cache begins with, as a result store."""
SCHEMES: dict[str, Callable[[str], Any]] = {
    "django": _django, "memory": _memory, **dict.fromkeys(REDIS, _redis), **dict.fromkeys(RABBIT, _rabbit),
}  # fmt: skip


def connect(url: str, results: str | None = None) -> Any:
    """Return an unopened broker and store: ``django://alias``, ``redis://host``, ... Raises ``ImproperlyConfigured``.

    ``results`` is the URL of the store that results move to; None leaves them with their jobs.
    """
    broker, store = connect_broker(url), connect_results(results)
    if store is None:
        return broker
    from celeriac.engine.brokers.mixed import MixedBroker  # few projects mix

    return MixedBroker(broker, store)


def connect_broker(url: str) -> Any:
    """Return what a worker moves jobs with: an unopened broker that is the store of its jobs as long as they are there."""
    return maker_of(url)(url)


def connect_results(url: str | None) -> ResultStore | None:
    """Return an unopened result store: that of a broker's URL, or ``cache://alias``. None for None."""
    if url is None:
        return None
    if url.startswith(f"{CACHE}:"):
        from celeriac.engine.brokers.djangocache import CacheResults  # Django only where it is used

        return CacheResults(url)
    store: ResultStore = maker_of(url, "CELERY_RESULT_BACKEND")(url)
    return store


def maker_of(url: str, setting: str = "CELERY_BROKER_URL") -> Callable[[str], Any]:
    """Return what makes a broker for the URL that ``setting`` has.

    Raises ``ImproperlyConfigured`` where nothing does, with the nearest scheme.
    """
    scheme = url.partition(":")[0].lower()
    make = SCHEMES.get(scheme)
    if make is None:
        raise ImproperlyConfigured(
            _(
                "{setting} begins with {scheme!r}; this version knows {schemes}.{hint} To use the project's"
                ' own database: {setting} = "django://default".'
            ).format(
                setting=setting,
                scheme=scheme,
                schemes=", ".join(map(repr, sorted(SCHEMES))),
                hint=did_you_mean(scheme, SCHEMES),
            )
        )
    return make
