"""From a URL to a client of redis-py, and from its errors to ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import redis
from redis import exceptions as driver
from redis.backoff import NoBackoff
from redis.retry import Retry

from celeriac.engine.errors import BrokerUnavailable, ImproperlyConfigured

PATIENCE = 5.0
"""Seconds that any one command may take, and a connection to be made."""
OLDEST = (6, 2)
DEFAULT_NAMESPACE = "default"
_OURS = frozenset({"namespace"})
_SCHEMES = {"valkey": "redis", "valkeys": "rediss", "redis+socket": "unix", "valkey+unix": "unix"}


def prefix_of(url: str) -> str:
    """Return what the keys of a URL's namespace begin with. One hash tag: on a Cluster they share one node."""
    namespace = dict(parse_qsl(urlsplit(url).query)).get("namespace", DEFAULT_NAMESPACE)
    return f"celeriac:{{{namespace}}}:"


def redis_url(url: str) -> str:
    """Return the URL as redis-py wants it: ``valkey`` is called redis, and our own parameters are taken out."""
    place, _, query = url.partition("?")
    scheme, _, rest = place.partition("://")
    kept = urlencode([(name, value) for name, value in parse_qsl(query) if name not in _OURS])
    return f"{_SCHEMES.get(scheme, scheme)}://{rest}" + (f"?{kept}" if kept else "")


def connect(url: str) -> Any:
    """Return an unconnected client. Raises ``ImproperlyConfigured`` for a URL that cannot be one."""
    try:
        return redis.Redis.from_url(
            redis_url(url),
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            **({} if redis_url(url).startswith("unix:") else {"socket_keepalive": True}),
            retry=Retry(NoBackoff(), 1),  # a connection that the server closed while idle; longer waits are the caller's
            retry_on_error=[driver.ConnectionError],
            protocol=2,
        )
    except ValueError as error:
        raise ImproperlyConfigured(
            f"CELERY_BROKER_URL is {hidden(url)!r}, which is no Redis URL: {error} It looks like redis://user:password@host:6379/0."
        ) from error


def hidden(url: str) -> str:
    """Return the URL without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))


@contextmanager
def typed_errors(url: str) -> Iterator[None]:
    """Turn what redis-py raises for a server that cannot answer into ``BrokerUnavailable``, with its cause and fix."""
    try:
        yield
    except (driver.RedisError, OSError) as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        raise BrokerUnavailable(f"Redis at {hidden(url)}: {sentence}") from error


_CAUSES = (
    ("WRONGPASS", "it refused the user or the password; correct them in the URL: redis://user:password@host:6379/0."),
    ("NOAUTH", "it wants a password, and the URL has none: redis://:password@host:6379/0."),
    ("invalid username-password", "it refused the user or the password; correct them in the URL."),
    ("DB index is out of range", "it has no database of that number; use one below its 'databases' setting (16 by default)."),
    ("invalid DB index", "the database in the URL's path is no number."),
    ("NOPERM", "this user may not do that; docs/redis.md lists the rights that Celeriac needs."),
    ("LOADING", "it is still loading its data."),
    ("READONLY", "it is a replica that takes no writes, as during a failover."),
    ("OOM", "its memory is full ('maxmemory'); jobs wait until there is room."),
    ("MISCONF", "it cannot write to its disk and refuses changes."),
    ("CLUSTERDOWN", "its cluster is down."),
    ("MASTERDOWN", "its master is away."),
    ("NOREPLICAS", "it has too few replicas to accept writes."),
    ("BUSY ", "it is busy with another script."),
    ("refused", "nothing listens there. Start the server, or correct host and port."),
    ("10061", "nothing listens there. Start the server, or correct host and port."),
)


def _sentence(error: Exception) -> str | None:
    text = str(error)
    for mark, sentence in _CAUSES:
        if mark in text:
            return f"{sentence} ({text})"
    if isinstance(error, driver.TimeoutError):
        return f"it did not answer within {PATIENCE:g} s."
    if isinstance(error, driver.ConnectionError | OSError):
        return f"the connection failed: {text}"
    return None
