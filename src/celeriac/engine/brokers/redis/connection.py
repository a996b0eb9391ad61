"""From a URL to a client of redis-py: one server, the master that Sentinels name, or a Cluster."""

from __future__ import annotations

from typing import Any

import redis
from redis import exceptions as driver
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel

from celeriac.engine.brokers.redis.address import Address
from celeriac.engine.brokers.redis.client import DirectClient
from celeriac.engine.brokers.redis.outages import PATIENCE

QUIET = 15
"""Seconds after which a quiet connection is asked whether it is there: the other end may be gone in silence."""


def connect(address: Address) -> Any:
    """Return an unconnected client; of a Cluster one that has asked for its nodes. Raises ``ImproperlyConfigured``."""
    address.check_files()
    options = {
        "socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, "health_check_interval": QUIET, "protocol": 2,
        **address.options(),
    }  # fmt: skip
    if "path" not in options:
        options.setdefault("socket_keepalive", True)
    if address.is_cluster:
        return _cluster(options)
    # A connection that the server closed while it was idle is made anew once; longer waits are the caller's.
    options["retry"] = Retry(NoBackoff(), 1, supported_errors=(driver.ConnectionError,))
    if address.is_sentinel:
        return _sentinel(address, options)
    return DirectClient.from_pool(redis.ConnectionPool(**options))  # which goes with its client


def _sentinel(address: Address, options: dict[str, Any]) -> Any:
    for name in ("host", "port"):
        options.pop(name, None)
    secure = options.pop("connection_class", None) is not None
    own: dict[str, Any] = {
        "socket_timeout": PATIENCE / 2, "socket_connect_timeout": PATIENCE / 2, "ssl": secure,
        "retry": Retry(NoBackoff(), 0),  # there are other Sentinels to ask, and the caller waits
    }  # fmt: skip
    for name in ("username", "password"):
        if f"sentinel_{name}" in address.query:
            own[name] = address.query[f"sentinel_{name}"]
    make: Any = Sentinel  # redis-py's has no types
    sentinels = make(address.sentinels(), sentinel_kwargs=own, ssl=secure, **options)
    return sentinels.master_for(address.master_name(), redis_class=DirectClient)


def _cluster(options: dict[str, Any]) -> Any:
    secure = options.pop("connection_class", None) is not None
    options.pop("db", None)  # a Cluster has only the first
    return RedisCluster(ssl=secure, **options)
