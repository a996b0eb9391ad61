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


SCHEMES: dict[str, Callable[[str], Any]] = {"django": _django, "memory": _memory}


def connect(url: str) -> Any:
    """Return an unopened broker and store for ``url``: ``django://alias``, ``memory://``. Raises ``ImproperlyConfigured``."""
    scheme = url.partition(":")[0]
    make = SCHEMES.get(scheme)
    if make is None:
        raise ImproperlyConfigured(
            _(
                "CELERY_BROKER_URL begins with {scheme!r}; this version knows {schemes}.{hint} To use the project's"
                ' own database: CELERY_BROKER_URL = "django://default".'
            ).format(scheme=scheme, schemes=", ".join(map(repr, sorted(SCHEMES))), hint=did_you_mean(scheme, SCHEMES))
        )
    return make(url)
