"""What redis-py raises for a server that cannot answer, as ``BrokerUnavailable`` with its cause and fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions as driver

from celeriac.engine.brokers.redis.address import hidden
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.translation import gettext as _
from celeriac.engine.translation import gettext_noop

PATIENCE = 5.0
"""Seconds that any one command may take, and a connection to be made."""

_REFUSED = gettext_noop("nothing listens there. Start the server, or correct host and port.")
_CAUSES = (
    (
        "WRONGPASS",
        gettext_noop("it refused the user or the password; correct them in the URL: redis://user:password@host:6379/0."),
    ),
    ("invalid username-password", gettext_noop("it refused the user or the password; correct them in the URL.")),
    (
        "without any password configured",
        gettext_noop("the URL has a password, and the server wants none; take it out of the URL."),
    ),
    ("NOAUTH", gettext_noop("it wants a password, and the URL has none: redis://:password@host:6379/0.")),
    ("Authentication required", gettext_noop("it wants a password, and the URL has none: redis://:password@host:6379/0.")),
    (
        "DB index is out of range",
        gettext_noop("it has no database of that number; use one below its 'databases' setting (16 by default)."),
    ),
    ("NOPERM", gettext_noop("this user may not do that; docs/redis.md lists the rights that Celeriac needs.")),
    ("No permissions", gettext_noop("this user may not do that; docs/redis.md lists the rights that Celeriac needs.")),
    ("no permissions", gettext_noop("this user may not do that; docs/redis.md lists the rights that Celeriac needs.")),
    ("LOADING", gettext_noop("it is still loading its data.")),
    ("loading the dataset", gettext_noop("it is still loading its data.")),
    ("READONLY", gettext_noop("it is a replica that takes no writes, as during a failover.")),
    ("read only replica", gettext_noop("it is a replica that takes no writes, as during a failover.")),
    ("OOM", gettext_noop("its memory is full ('maxmemory'): make room, or give it more.")),
    ("used memory > 'maxmemory'", gettext_noop("its memory is full ('maxmemory'): make room, or give it more.")),
    ("MISCONF", gettext_noop("it cannot write to its disk, and so refuses changes.")),
    ("CLUSTERDOWN", gettext_noop("its cluster is down.")),
    ("MASTERDOWN", gettext_noop("its master is away.")),
    ("NOREPLICAS", gettext_noop("it has too few replicas to accept writes.")),
    ("BUSY ", gettext_noop("it is busy with another script.")),
    ("No master found", gettext_noop("no Sentinel knows a living master of that name.")),
    (
        "CERTIFICATE_VERIFY_FAILED",
        gettext_noop("its certificate is not to be trusted: name the authority by ?ssl_ca_certs=/path/ca.pem."),
    ),
    ("refused", _REFUSED),
    ("Error 111", _REFUSED),
    ("10061", _REFUSED),
    ("Error 61 ", _REFUSED),
)
"""Marks in what a server or the system says, and what that means."""


@contextmanager
def typed_errors(url: str) -> Iterator[None]:
    """Raise ``BrokerUnavailable`` for what passes by itself or by a change at the server. A bug of ours stays as it is."""
    try:
        yield
    except (driver.RedisError, OSError) as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        raise BrokerUnavailable(_("Redis at {url}: {sentence}").format(url=hidden(url), sentence=sentence)) from error


def _sentence(error: Exception) -> str | None:
    text = f"{error} {error.__cause__ or ''}"
    for mark, sentence in _CAUSES:
        if mark in text:
            return f"{_(sentence)} ({error})"
    if isinstance(error, driver.TimeoutError | TimeoutError):
        return _("it did not answer within {patience:g} s.").format(patience=PATIENCE)
    if isinstance(error, driver.ConnectionError | driver.ClusterError | OSError):
        return _("the connection failed: {error}").format(error=error)
    return None
