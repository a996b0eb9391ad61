"""What py-amqp raises for a server that cannot serve us, as ``BrokerUnavailable`` with its cause and fix."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import amqp  # type: ignore[import-untyped]  # py-amqp has no types

from celeriac.engine.brokers import tls
from celeriac.engine.brokers.rabbitmq.address import hidden
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.translation import gettext as _
from celeriac.engine.translation import gettext_noop

PATIENCE = 5.0
"""Seconds that any one answer may take."""

_RIGHTS = gettext_noop(
    "this user may not do that. It needs configure, write and read on our queues, and write on the default exchange:"
    " rabbitmqctl set_permissions -p VHOST USER '^celeriac\\.' '^(celeriac\\..*|amq\\.default)$' '^celeriac\\.'"
)
_NO_TLS = gettext_noop("it speaks no TLS on this port: use amqp://, or the port of its TLS listener (5671).")
_NOBODY = gettext_noop("nothing listens there. Start the server, or correct host and port.")
_CAUSES = (
    (
        "Login was refused",
        gettext_noop("it refused the user or the password; correct them in the URL: amqp://user:password@host/vhost."),
    ),
    ("for user", _RIGHTS),
    (
        "not found",
        gettext_noop(
            "it has no such virtual host. Make it (rabbitmqctl add_vhost NAME), or correct the URL: amqp://host/vhost."
        ),
    ),
    ("is down", gettext_noop("its virtual host is down: see the server's log, and rabbitmqctl restart_vhost.")),
    ("connection limit", gettext_noop("it takes no more connections of this user or to this virtual host: raise the limit.")),
    ("CONNECTION_FORCED", gettext_noop("somebody closed the connection there, or the server stops.")),
    (
        "inequivalent arg",
        gettext_noop("the queue was declared with other arguments: delete it there, or have others made by ?prefix=."),
    ),
    ("WRONG_VERSION_NUMBER", _NO_TLS),
    ("record layer failure", _NO_TLS),
    (
        "Server unexpectedly closed",
        gettext_noop("it closed the connection. Is this the AMQP port (5672), and without TLS?"),
    ),
    ("refused", _NOBODY),
    ("10061", _NOBODY),
)
"""Marks in what a server or the system says, and what that means. The first that fits counts."""


class Blocked(Exception):
    """The server takes no messages at present: it is short of memory or of disk."""


class Refused(Exception):
    """The server did not take a message: a queue is full, or has lost its leader."""


FAULTS = (amqp.AMQPError, OSError, Blocked, Refused)
"""What may be raised by a connection. Timeouts and TLS errors are among the OSErrors."""


@contextmanager
def typed_errors(url: str) -> Iterator[None]:
    """Raise ``BrokerUnavailable`` for what passes by itself or by a change at the server."""
    try:
        yield
    except FAULTS as error:
        raise BrokerUnavailable(
            _("RabbitMQ at {url}: {sentence}").format(url=hidden(url), sentence=_sentence(error))
        ) from error


def _sentence(error: Exception) -> str:
    if isinstance(error, Blocked):
        return _("it takes no messages: its memory or its disk is short (rabbitmq-diagnostics alarms). Make room there.")
    if isinstance(error, Refused):
        return _("it did not take a message: a queue is full (max-length with reject-publish), or has no leader at present.")
    if isinstance(error, TimeoutError):
        return _("it did not answer within {patience:g} s.").format(patience=PATIENCE)
    text = str(error)
    for mark, sentence in _CAUSES:
        if mark in text:
            return f"{_(sentence)} ({text})"
    for marks, sentence in tls.CAUSES:
        if any(mark in text for mark in marks):
            return f"{_(sentence)} ({text})"
    if isinstance(error, socket.gaierror):
        return _("the host name is unknown. Correct the URL. ({error})").format(error=text)
    if isinstance(error, ssl.SSLError):
        return _("TLS failed: {error}").format(error=text)
    return _("the connection failed: {error}").format(error=text or type(error).__name__)
