"""What a URL says: where the server is, how to log in, and the namespace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from redis.connection import parse_url

from celeriac.engine.brokers import tls
from celeriac.engine.errors import ImproperlyConfigured, did_you_mean
from celeriac.engine.translation import gettext as _

DEFAULT_NAMESPACE = "default"
SENTINEL_PORT = 26379
_PLAIN = {"valkey": "redis", "valkeys": "rediss", "redis+socket": "unix", "valkey+unix": "unix"}
_OURS = frozenset({"namespace", "sentinel_master", "master_name", "sentinel_username", "sentinel_password", "virtual_host"})
_DRIVERS = frozenset({
    "db", "username", "password", "client_name", "protocol", "health_check_interval", "max_connections", "retry_on_timeout",
    "socket_timeout", "socket_connect_timeout", "socket_keepalive", "ssl_ca_certs", "ssl_ca_data", "ssl_ca_path",
    "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_ciphers", "ssl_keyfile", "ssl_min_version", "ssl_password",
})  # fmt: skip
"""Options that are redis-py's. Others of its options would change what we read."""
_SAME = {"127.0.0.1": "localhost", "::1": "localhost"}
_VERIFYING = {"CERT_NONE": "none", "CERT_OPTIONAL": "optional", "CERT_REQUIRED": "required"}
"""Celery's names of how a certificate is looked at, and redis-py's."""


class Address:
    """The parts of a URL. Raises ``ImproperlyConfigured`` for one that cannot be Redis's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._place, _question_mark, query = url.partition("?")
        self.scheme = self._place.partition(":")[0].lower()
        self.query: Mapping[str, str] = dict(parse_qsl(query))
        self.is_sentinel = self.scheme.startswith("sentinel")
        self.is_cluster = self.scheme.endswith("+cluster")

    @property
    def prefix(self) -> str:
        """What the keys of the namespace begin with. One hash tag: on a Cluster they share one node."""
        return f"celeriac:{{{self.query.get('namespace', DEFAULT_NAMESPACE)}}}:"

    def options(self) -> dict[str, Any]:
        """Return what redis-py's client takes: host, port or path, database, user, password, and the URL's other options."""
        scheme = self.scheme.removesuffix("+cluster")
        rest = self._place.partition("://")[2]
        if self.is_sentinel:
            scheme, rest = ("rediss" if self.scheme == "sentinels" else "redis"), self._login_and_database()
        self._check_database(scheme, rest)
        self._refuse_unknown()
        options = {name: _VERIFYING.get(value, value) for name, value in self.query.items() if name not in _OURS}
        if "virtual_host" in self.query:  # so Celery calls the database in the URL of a socket
            options["db"] = self.query["virtual_host"].strip("/")
        text = f"{_PLAIN.get(scheme, scheme)}://{rest}" + (f"?{urlencode(options)}" if options else "")
        try:
            return dict(parse_url(text))  # type: ignore[no-untyped-call]  # redis-py's has no types
        except ValueError as error:
            raise self._wrong(f"{str(error).rstrip('.')}.") from error

    @property
    def is_unchecked(self) -> bool:
        """Whether TLS is wanted from whoever answers."""
        return _VERIFYING.get(self.query.get("ssl_cert_reqs", ""), self.query.get("ssl_cert_reqs")) == "none"

    def check_files(self) -> None:
        """Raise ``ImproperlyConfigured`` for a certificate that cannot be read: that would not pass by waiting."""
        if said := tls.unreadable(self.query):
            raise self._wrong(said)

    def sentinels(self) -> list[tuple[str, int]]:
        """Return host and port of each Sentinel."""
        found = []
        for part in self._parts():
            host, _colon, port = part.rpartition("@")[2].partition("/")[0].partition(":")
            if not host or (port and not port.isdigit()):
                raise self._wrong(_("a Sentinel has no host, or a port that is no number."))
            found.append((host, int(port or SENTINEL_PORT)))
        return found

    def master_name(self) -> str:
        """Return the name under which Sentinels know the master."""
        name = self.query.get("sentinel_master") or self.query.get("master_name")
        if not name:
            raise self._wrong(
                _("it does not name the master. Add ?sentinel_master=NAME, or CELERY_BROKER_TRANSPORT_OPTIONS master_name.")
            )
        return name

    def _parts(self) -> list[str]:
        return [part.partition("://")[2] or part for part in self._place.split(";")]

    def _login_and_database(self) -> str:
        """Return what the master is asked with: user, password and database, which may stand at any of the Sentinels."""
        parts = self._parts()
        login = next((part.rpartition("@")[0] + "@" for part in parts if "@" in part), "")
        database = next((part.partition("/")[2] for part in parts if part.partition("/")[2]), "0")
        return f"{login}master/{database}"

    def _check_database(self, scheme: str, rest: str) -> None:
        if _PLAIN.get(scheme, scheme) == "unix":
            return
        database = unquote(rest.partition("/")[2]).strip("/")
        if database and not database.isdigit():
            raise self._wrong(_("its database, {database!r}, is no number.").format(database=database))

    def _refuse_unknown(self) -> None:
        known = _OURS | _DRIVERS
        for name in sorted(set(self.query) - known):
            raise self._wrong(
                _("it has no option {name!r}.{hint} There are: {known}.").format(
                    name=name, hint=did_you_mean(name, known), known=", ".join(sorted(known))
                )
            )

    def _wrong(self, why: str) -> ImproperlyConfigured:
        return ImproperlyConfigured(
            _(
                "CELERY_BROKER_URL is {url!r}, which is no URL of a Redis or Valkey server: {why} It looks like"
                " redis://user:password@host:6379/0, rediss:// with TLS, or unix:///run/redis.sock?db=0."
            ).format(url=hidden(self.url), why=why)
        )


def places(url: str) -> frozenset[tuple[Any, ...]]:
    """Return which databases a URL means: server or socket, and number. Nothing for a URL that says none."""
    try:
        address = Address(url)
        options = address.options()
    except ImproperlyConfigured:
        return frozenset()
    database = int(options.get("db", 0))
    if "path" in options:
        return frozenset({(options["path"], database)})
    servers = address.sentinels() if address.is_sentinel else [(options.get("host", "localhost"), options.get("port", 6379))]
    return frozenset((_SAME.get(host, host), port, database) for host, port in servers)


def hidden(url: str) -> str:
    """Return the URL without its passwords."""
    shown = re.sub(r"(//|;)([^/;@:]*):[^/;@]*@", r"\1\2:***@", url)
    return re.sub(r"([?&]\w*password=)[^&]*", r"\1***", shown)
