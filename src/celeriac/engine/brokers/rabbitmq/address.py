"""What a URL says: where the servers are, how to log in, the virtual host, and what our queues are called there."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, unquote

from celeriac.engine.brokers import tls
from celeriac.engine.errors import ImproperlyConfigured, did_you_mean
from celeriac.engine.translation import gettext as _

PREFIX = "celeriac."
"""Our queues begin with it, so that Celery's of the same names, which are of another kind, live beside them."""
DEFAULT_STORE = "django://default"
LONGEST = 255
"""Bytes of a name: AMQP has no room for more."""
HEARTBEAT = 10
"""Seconds: a dead peer is noticed by either side after one to two of them. 0: nobody looks."""
CONNECTION_TIMEOUT = 4.0
"""Seconds in which a connection is to be made."""
_PORTS = {False: 5672, True: 5671}
_OPTIONS = frozenset({
    "connection_timeout", "heartbeat", "prefix", "store", "login_method",
    "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_server_hostname",
})  # fmt: skip
_LOGINS = frozenset({"PLAIN", "AMQPLAIN", "EXTERNAL"})
_VERIFYING = {
    "required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE,
    "cert_required": ssl.CERT_REQUIRED, "cert_optional": ssl.CERT_OPTIONAL, "cert_none": ssl.CERT_NONE,
}  # fmt: skip


class Address:
    """The parts of a URL. Raises ``ImproperlyConfigured`` for one that cannot be RabbitMQ's."""

    def __init__(self, url: str) -> None:
        self.url = url
        place, _question_mark, query = url.partition("?")
        scheme, _slashes, rest = place.partition("://")
        self.is_secure = scheme.lower() == "amqps"
        self.query: Mapping[str, str] = dict(parse_qsl(query))
        self._refuse_unknown()
        where, slash, path = rest.partition("/")
        login, _at, hosts = where.rpartition("@")
        user, _colon, password = login.partition(":")
        self.user, self.password = unquote(user) or "guest", unquote(password) if password else "guest"
        self.hosts = [self._host(text) for text in hosts.split(",")]
        # One slash alone is the virtual host "/", as in Celery; so are two, and %2f.
        self.virtual_host = unquote(path) or "/" if slash else "/"
        self.prefix = self.query.get("prefix", PREFIX)
        self.heartbeat = int(self._seconds("heartbeat", HEARTBEAT))
        self.connection_timeout = self._seconds("connection_timeout", CONNECTION_TIMEOUT) or CONNECTION_TIMEOUT

    @property
    def is_unchecked(self) -> bool:
        """Whether TLS is wanted from whoever answers."""
        return self.is_secure and _VERIFYING.get(self.query.get("ssl_cert_reqs", "").lower()) is ssl.CERT_NONE

    def queue(self, name: str) -> str:
        """Return what a queue of ours is called at the server. Where that is too long, a digest takes its end's place."""
        found = (self.prefix + name).encode()
        if len(found) <= LONGEST:
            return found.decode()
        return f"{found[: LONGEST - 41].decode(errors='ignore')}.{blake2b(found, digest_size=20).hexdigest()}"

    def options(self, host: str) -> dict[str, Any]:
        """Return what py-amqp's connection takes to reach one of the hosts."""
        return {
            "host": host, "userid": self.user, "password": self.password, "virtual_host": self.virtual_host,
            "login_method": self._login(), "ssl": self._tls(host) if self.is_secure else False,
        }  # fmt: skip

    def _host(self, text: str) -> str:
        host, port = text, ""
        if not text.endswith("]"):  # an IPv6 address stands in brackets
            host, _colon, port = text.rpartition(":") if ":" in text else (text, "", "")
        if port and not port.isdigit():
            raise self._wrong(_("the port {port!r} is no number.").format(port=port))
        return f"{host or 'localhost'}:{port or _PORTS[self.is_secure]}"

    def _seconds(self, option: str, default: float) -> float:
        text = self.query.get(option, str(default))
        try:
            return max(0.0, float(text))
        except ValueError:
            raise self._wrong(_("{option}={text} is no number of seconds.").format(option=option, text=text)) from None

    def _login(self) -> str:
        method = self.query.get("login_method", "PLAIN").upper()
        if method not in _LOGINS:
            raise self._wrong(_("login_method={method} is none of {known}.").format(method=method, known=sorted(_LOGINS)))
        return method

    def _tls(self, host: str) -> dict[str, Any]:
        """Return py-amqp's TLS options: certificate and host name are checked unless the URL says otherwise."""
        asked = self.query.get("ssl_cert_reqs", "required").lower()
        if asked not in _VERIFYING:
            raise self._wrong(_("ssl_cert_reqs={asked} is none of required, optional, none.").format(asked=asked))
        if said := tls.unreadable(self.query):
            raise self._wrong(said)
        found: dict[str, Any] = {"cert_reqs": _VERIFYING[asked]}
        for option, name in (("ssl_ca_certs", "ca_certs"), ("ssl_certfile", "certfile"), ("ssl_keyfile", "keyfile")):
            if option in self.query:
                found[name] = self.query[option]
        if found["cert_reqs"] is not ssl.CERT_NONE:
            found["server_hostname"] = self.query.get("ssl_server_hostname") or host.rpartition(":")[0].strip("[]")
        return found

    def _refuse_unknown(self) -> None:
        for name in sorted(set(self.query) - _OPTIONS):
            raise self._wrong(
                _("it has no option {name!r}.{hint} There are: {known}.").format(
                    name=name, hint=did_you_mean(name, _OPTIONS), known=", ".join(sorted(_OPTIONS))
                )
            )

    def _wrong(self, why: str) -> ImproperlyConfigured:
        return ImproperlyConfigured(
            _(
                "CELERY_BROKER_URL is {url!r}, which is no URL of a RabbitMQ server: {why} It looks like"
                " amqp://user:password@host:5672/vhost, or amqps:// with TLS."
            ).format(url=hidden(self.url), why=why)
        )


def store_of(url: str) -> str:
    """Return the URL of the store that a URL names, of the default database where it names none."""
    return dict(parse_qsl(url.partition("?")[2])).get("store", DEFAULT_STORE)


def without_store(url: str) -> str:
    """Return the URL of the server alone."""
    place, _question_mark, query = url.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("store=")]
    return f"{place}?{'&'.join(kept)}" if kept else place


def hidden(url: str) -> str:
    """Return the URL without its password, and without the store, whose URL may have one."""
    return re.sub(r"//([^/:@]*):[^/]*@", r"//\1:***@", without_store(url))
