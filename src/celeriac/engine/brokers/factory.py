"""From a URL to a broker."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from celeriac.engine.brokers.base import Broker, Store
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


REDIS = (
    "redis", "rediss", "valkey", "valkeys", "unix", "redis+socket", "valkey+unix", "sentinel", "sentinels",
    "redis+cluster", "rediss+cluster", "valkey+cluster", "valkeys+cluster",
)  # fmt: skip
SCHEMES: dict[str, Callable[[str], Any]] = {"django": _django, "memory": _memory, **dict.fromkeys(REDIS, _redis)}


def connect(url: str) -> Any:
    """Return an unopened broker and store: ``django://alias``, ``redis://host``, ... Raises ``ImproperlyConfigured``."""
    return maker_of(url)(url)


def maker_of(url: str) -> Callable[[str], Any]:
    """Return what makes a broker for a URL. Raises ``ImproperlyConfigured`` where nothing does, with the nearest scheme."""
    scheme = url.partition(":")[0].lower()
    make = SCHEMES.get(scheme)
    if make is None:
        raise ImproperlyConfigured(
            _(
                "CELERY_BROKER_URL begins with {scheme!r}; this version knows {schemes}.{hint} To use the project's"
                ' own database: CELERY_BROKER_URL = "django://default".'
            ).format(scheme=scheme, schemes=", ".join(map(repr, sorted(SCHEMES))), hint=did_you_mean(scheme, SCHEMES))
        )
    return make
