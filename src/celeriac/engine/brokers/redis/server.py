"""Whether a server is one to keep jobs on: its version, what it evicts, and what it writes to its disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from redis.exceptions import ResponseError

from celeriac.engine.brokers import tls
from celeriac.engine.brokers.redis.address import Address
from celeriac.engine.errors import ImproperlyConfigured
from celeriac.engine.translation import gettext as _

OLDEST = {"Redis": (6, 2), "Valkey": (8, 0)}


def examine(client: Any, url: str) -> tuple[str, ...]:
    """Return warnings about the server. Raises ``ImproperlyConfigured`` for one that is too old or that evicts keys."""
    lacking = [_examine_one(info, url) for info in _infos(client)]
    unchecked = tls.warnings(url) if Address(url).is_unchecked else ()
    return unchecked + (_about_disk(client, url) if any(lacking) else ())


def _about_disk(client: Any, url: str) -> tuple[str, ...]:
    if _takes_snapshots(client):
        text = _("{url} has no append-only file: when it dies, what came since its last snapshot is lost. Set: appendonly yes")
    else:
        text = _("{url} writes nothing to its disk: when it stops, every job and result is lost. Set: appendonly yes")
    return (text.format(url=url),)


def _infos(client: Any) -> list[Mapping[str, Any]]:
    if hasattr(client, "get_primaries"):
        return list(client.info(target_nodes="primaries").values())
    return [client.info()]


def _examine_one(info: Mapping[str, Any], url: str) -> bool:
    """Return whether there is no append-only file."""
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info.get("redis_version") or "0")
    parts = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if parts < OLDEST[name]:
        raise ImproperlyConfigured(
            _(
                "{url} is {name} {version}; Celeriac needs {name} {oldest} or later. Update the server, or keep jobs in the"
                ' project\'s own database: CELERY_BROKER_URL = "django://default".'
            ).format(url=url, name=name, version=version, oldest=".".join(map(str, OLDEST[name])))
        )
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        raise ImproperlyConfigured(
            _(
                "{url} evicts keys when its memory is full (maxmemory-policy {policy}), and would throw away jobs that wait."
                " Set it on the server: maxmemory-policy noeviction. A cache that wants eviction needs a server of its own."
            ).format(url=url, policy=policy)
        )
    return not int(info.get("aof_enabled", 1))


def _takes_snapshots(client: Any) -> bool:
    """Return whether the server writes snapshots, or may: where it does not tell, nobody claims that it does not."""
    try:
        answer = client.config_get("save")
    except ResponseError:
        return True
    return any(bool(value) for value in answer.values())
