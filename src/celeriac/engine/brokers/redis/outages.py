"""What redis-py raises for a server that cannot answer, as ``BrokerUnavailable`` with its cause and fix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions as driver

from celeriac.engine.brokers import tls
from celeriac.engine.brokers.redis.address import hidden
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.translation import gettext as _
from celeriac.engine.translation import gettext_noop

PATIENCE = 4.0
"""Seconds that any one command may take, and a connection to be made: what cannot be reached is known within 5 s."""

_PASSWORD = gettext_noop("it refused the user or the password; correct them in the URL: redis://user:password@host:6379/0.")
_CAUSES = (
    (("WRONGPASS", "invalid username-password"), _PASSWORD),
    (
        ("without any password configured",),
        gettext_noop("the URL has a password, and the server wants none; take it out of the URL."),
    ),
    (
        ("NOAUTH", "Authentication required"),
        gettext_noop("it wants a password, and the URL has none: redis://:password@host:6379/0."),
    ),
    (
        ("DB index is out of range",),
        gettext_noop("it has no database of that number; use one below its 'databases' setting (16 by default)."),
    ),
    (
        ("NOPERM", "No permissions", "no permissions"),
        gettext_noop("this user may not do that; docs/redis.md lists the rights that Celeriac needs."),
    ),
    (("LOADING", "loading the dataset"), gettext_noop("it is still loading its data.")),
    (
        ("READONLY", "read only replica"),
        gettext_noop("it is a replica that takes no writes, as during a failover."),
    ),
    (("OOM", "used memory > 'maxmemory'"), gettext_noop("its memory is full ('maxmemory'): make room, or give it more.")),
    (("MISCONF",), gettext_noop("it cannot write to its disk, and so refuses changes.")),
    (("Cluster mode is not enabled",), gettext_noop("it is no Cluster: write redis:// instead of redis+cluster://.")),
    (("CLUSTERDOWN", "not covered by the cluster"), gettext_noop("its cluster is down.")),
    (("MASTERDOWN",), gettext_noop("its master is away.")),
    (("NOREPLICAS",), gettext_noop("it has too few replicas to accept writes.")),
    (("BUSY ",), gettext_noop("it is busy with another script.")),
    (("No master found",), gettext_noop("no Sentinel that answers knows a living master of that name.")),
    (
        ("unknown command 'SENTINEL'", "unknown command `SENTINEL`"),
        gettext_noop("it is no Sentinel: write redis:// instead of sentinel://, or correct host and port."),
    ),
    (("Protocol error",), gettext_noop("what listens there is no Redis or Valkey server; correct host and port.")),
    *tls.CAUSES,
    (("WRONG_VERSION_NUMBER",), gettext_noop("it does not speak TLS there: write redis:// instead of rediss://.")),
    (
        ("refused", "Error 111", "10061", "Error 61 "),
        gettext_noop("nothing listens there. Start the server, or correct host and port."),
    ),
    (("No such file or directory",), gettext_noop("there is no such socket. Start the server, or correct the path.")),
    (
        ("Name or service not known", "nodename nor servname", "getaddrinfo failed", "name resolution", "No address asso"),
        gettext_noop("this machine knows no host of that name. Correct it in the URL, or mend the name service."),
    ),
    (
        ("Network is unreachable", "No route to host"),
        gettext_noop("no way leads to that host. Correct it in the URL, or mend the network."),
    ),
)
"""Marks in what a server or the system says, and what that means."""
_UNREACHED = gettext_noop("nothing answered in time: correct the host, or let the firewall between pass what is sent there.")
_UNREACHED_BY_TLS = gettext_noop(
    "nothing answered in time: correct the host, let the firewall between pass what is sent there, or write redis:// instead of"
    " rediss:// where no TLS is spoken."
)
_OBJECTS = re.compile(r"<redis\..*?\)>\)>\)?>? - ")
"""How redis-py shows each of its own Sentinels in an error: everything it knows of it."""
_SECURE = ("rediss", "valkeys", "sentinels")


@contextmanager
def typed_errors(url: str) -> Iterator[None]:
    """Raise ``BrokerUnavailable`` for what passes by itself or by a change at the server. A bug of ours stays as it is."""
    try:
        yield
    except (driver.RedisError, driver.RedisClusterException, OSError) as error:
        sentence = _sentence(error, url.startswith(_SECURE))
        if sentence is None:
            raise
        raise BrokerUnavailable(_("Redis at {url}: {sentence}").format(url=hidden(url), sentence=sentence)) from error


def _sentence(error: Exception, secure: bool) -> str | None:
    text = f"{error} {error.__cause__ or ''}"
    for marks, sentence in _CAUSES:
        if any(mark in text for mark in marks):
            return f"{_(sentence)} ({_OBJECTS.sub('', str(error))})"
    if "Timeout connecting" in text:
        return _(_UNREACHED_BY_TLS if secure else _UNREACHED)
    if isinstance(error, driver.TimeoutError | TimeoutError):
        return _("it did not answer in time.")
    if isinstance(error, driver.ConnectionError | driver.ClusterError | OSError) or "cannot be connected" in text:
        return _("the connection failed: {error}").format(error=error)
    return None
