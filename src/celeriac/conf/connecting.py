"""What Celery's settings say of a connection beside its URL: TLS, the heartbeat, how to log in. Here the URL has it all."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from celeriac.engine.brokers.factory import RABBIT, REDIS
from celeriac.engine.translation import gettext as _

BROKER_TLS, RESULTS_TLS = "broker_use_ssl", "redis_backend_use_ssl"
_SECURE = {
    "amqp": "amqps", "pyamqp": "amqps", "redis": "rediss", "valkey": "valkeys", "sentinel": "sentinels",
    "redis+cluster": "rediss+cluster", "valkey+cluster": "valkeys+cluster",
}  # fmt: skip
_FILES = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
_TLS_OF_RABBIT = _FILES | {"ssl_cert_reqs", "ssl_server_hostname"}
_TLS_OF_REDIS = _FILES | {"ssl_cert_reqs", "ssl_check_hostname", "ssl_ca_path", "ssl_password", "ssl_ciphers"}
_OPTIONS: Mapping[str, Mapping[tuple[str, ...], str]] = {
    "broker_heartbeat": {RABBIT: "heartbeat"},
    "broker_login_method": {RABBIT: "login_method"},
    "broker_connection_timeout": {RABBIT: "connection_timeout", REDIS: "socket_connect_timeout"},
}
"""Celery's setting -> what the option is called in the URLs of whom."""


class Connecting:
    """The settings of one project that say how to connect: ``given``, Celery's names and values."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self.used: set[str] = set()
        """The names of those that a URL has taken up."""
        self.unknown: dict[str, list[str]] = {}
        """Keys of Celery's dicts about TLS that have no effect, by the name of the setting."""

    def broker(self, url: str) -> str:
        """Return the broker's URL with all that is said of its connection."""
        options = {}
        for name, value in self._given.items():
            option = next((option for schemes, option in _OPTIONS.get(name, {}).items() if _scheme(url) in schemes), None)
            if option and value is not None:
                options[option] = str(value)
                self.used.add(name)
        return self._secured(_with(url, options), BROKER_TLS)

    def results(self, url: str) -> str:
        """Return the URL of a result store with what is said of its TLS."""
        return self._secured(url, RESULTS_TLS) if _scheme(url) in REDIS else url

    def _secured(self, url: str, name: str) -> str:
        asked, scheme = self._given.get(name), _scheme(url)
        if not asked or scheme not in {*_SECURE, *_SECURE.values()}:
            return url
        self.used.add(name)
        is_redis = scheme in REDIS
        options = dict(_written(asked, is_redis)) if isinstance(asked, Mapping) else {}
        known = _TLS_OF_REDIS if is_redis else _TLS_OF_RABBIT
        if unknown := sorted(set(options) - known):
            self.unknown[name] = unknown
        servers = ";".join(map(_secure, url.split(";")))  # there are several Sentinels
        return _with(servers, {option: value for option, value in options.items() if option in known})

    def warnings(self) -> list[str]:
        """Return a sentence for each setting of which a part has no effect."""
        text = _(
            "{name} has {keys}, which have no effect here. What counts of TLS is ca_certs, certfile, keyfile and cert_reqs."
        )
        return [
            text.format(name=f"CELERY_{name}".upper(), keys=", ".join(unknown))
            for name, unknown in sorted(self.unknown.items())
        ]


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _secure(url: str) -> str:
    scheme = _scheme(url)
    return _SECURE[scheme] + url[len(scheme) :] if scheme in _SECURE else url


def _written(asked: Mapping[Any, Any], is_redis: bool) -> Iterator[tuple[str, str]]:
    """Yield options as URLs have them: Celery calls those of Redis ``ssl_certfile``, those of RabbitMQ ``certfile``."""
    for key, value in asked.items():
        name = f"ssl_{str(key).removeprefix('ssl_')}"
        if name == "ssl_cert_reqs" and (value is not None or is_redis):
            yield name, _verifying(value)
        elif value is not None:
            yield name, str(value)


def _verifying(value: Any) -> str:
    """Return whether a certificate is looked at: a constant of ``ssl``, its name, or None, which for redis-py means not."""
    if value in tuple(ssl.VerifyMode):
        return ssl.VerifyMode(value).name.lower().removeprefix("cert_")
    return str(value).lower().removeprefix("ssl.").removeprefix("cert_")


def _with(url: str, options: Mapping[str, str]) -> str:
    """Return the URL with options. One that is written there holds."""
    there = dict(parse_qsl(url.partition("?")[2]))
    added = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items() if name not in there)
    return f"{url}{'&' if '?' in url else '?'}{added}" if added else url
