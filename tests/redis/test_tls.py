"""TLS with a real server: whom a client believes, whom it refuses and with what words, and certificates of clients."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from celeriac.conf import read_settings
from celeriac.conf.reading import Source
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.errors import BrokerUnavailable, ImproperlyConfigured
from celeriac.engine.job import Job
from celeriac.testing.redis import RedisServer, require_redis
from celeriac.testing.servers import free_port
from tests.certificates import Authority, Files

ELSEWHERE = "localhost"
"""A name under which the server is reached, and for which it has no certificate."""


class Secure(NamedTuple):
    """A server that speaks TLS, another that wants certificates of its clients, and who is to be believed."""

    port: int
    strict_port: int
    plain_port: int
    authority: Path
    stranger: Path
    client: Files
    foreign: Files

    def url(self, options: Mapping[str, object], port: int = 0, host: str = "127.0.0.1") -> str:
        return f"rediss://{host}:{port or self.port}/0?{urlencode(options)}"

    def showing(self, files: Files) -> str:
        """Return the URL of the server that wants certificates, for a client that shows this one."""
        options = {"ssl_ca_certs": self.authority, "ssl_certfile": files.certificate, "ssl_keyfile": files.key}
        return self.url(options, self.strict_port)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    require_redis()
    folder = tmp_path_factory.mktemp("tls")
    authority, stranger = Authority(folder, "authority"), Authority(folder, "stranger")
    ours = authority.issue("server", ["127.0.0.1"])
    port, strict_port, plain_port = free_port(), free_port(), free_port()
    settings = {
        "bind": "127.0.0.1", "tls-cert-file": str(ours.certificate), "tls-key-file": str(ours.key),
        "tls-ca-cert-file": str(authority.path),
    }  # fmt: skip
    with (
        RedisServer({**settings, "tls-port": str(port), "tls-auth-clients": "no", "port": str(plain_port)}),
        RedisServer({**settings, "tls-port": str(strict_port), "tls-auth-clients": "yes"}),
    ):
        yield Secure(
            port, strict_port, plain_port, authority.path, stranger.path, client=authority.issue("client"),
            foreign=stranger.issue("foreign"),
        )  # fmt: skip


def opens(url: str) -> RedisBroker:
    """Open, push and read a job."""
    broker = RedisBroker(url)
    try:
        broker.open()
        broker.push([Job(id="one", task="shop.pay", queue="default", payload=b"xx")])
        assert broker.get("one") is not None
    finally:
        broker.close()
    return broker


def refusal(url: str) -> str:
    begun = time.monotonic()
    with pytest.raises(BrokerUnavailable) as caught:
        opens(url)
    assert time.monotonic() - begun < 5
    return str(caught.value)


def test_a_server_with_a_certificate_of_the_authority_is_believed(secure: Secure) -> None:
    assert opens(secure.url({"ssl_ca_certs": secure.authority})).warnings == ()


def test_what_celerys_settings_say_of_tls_is_enough(secure: Secure) -> None:
    tls = {
        "ssl_ca_certs": str(secure.authority), "ssl_certfile": str(secure.client.certificate),
        "ssl_keyfile": str(secure.client.key), "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }  # fmt: skip
    plain = f"redis://127.0.0.1:{secure.strict_port}/0"
    written = {"CELERY_BROKER_URL": plain, "CELERY_BROKER_USE_SSL": tls}
    assert opens(read_settings([Source(written)]).settings.broker_url).warnings == ()
    written = {"CELERY_RESULT_BACKEND": plain, "CELERY_REDIS_BACKEND_USE_SSL": tls}
    assert opens(str(read_settings([Source(written)]).settings.result_backend)).warnings == ()


@pytest.mark.parametrize("named", [True, False])
def test_a_certificate_of_somebody_else_is_refused_with_the_fix(secure: Secure, named: bool) -> None:
    said = refusal(secure.url({"ssl_ca_certs": secure.stranger} if named else {}))
    assert "its certificate is not to be trusted: name the authority by ?ssl_ca_certs=" in said


def test_a_certificate_for_another_host_is_refused_with_the_fix(secure: Secure) -> None:
    said = refusal(secure.url({"ssl_ca_certs": secure.authority}, host=ELSEWHERE))
    assert "its certificate is for another host; write the name that stands in it" in said


@pytest.mark.parametrize("none", ["none", "CERT_NONE"])
def test_who_wants_no_certificate_looked_at_is_warned(secure: Secure, none: str) -> None:
    [warning] = opens(secure.url({"ssl_cert_reqs": none}, host=ELSEWHERE)).warnings
    assert "nobody checks whether it is the server" in warning
    assert "ssl_ca_certs" in warning


def test_a_client_shows_its_certificate(secure: Secure) -> None:
    assert opens(secure.showing(secure.client)).warnings == ()


def until_said(url: str, says: str) -> str:
    """Be refused until the reason is heard, and return it: the end of the connection may overtake it."""
    deadline = time.monotonic() + 60
    while says not in (said := refusal(url)):
        assert "broke TLS off" in said or "reset by peer" in said or "Broken pipe" in said, said
        assert time.monotonic() < deadline
    return said


def test_a_client_without_a_certificate_is_told_how_to_show_one(secure: Secure) -> None:
    says = "it wants a certificate of yours: ?ssl_certfile="
    assert says in until_said(secure.url({"ssl_ca_certs": secure.authority}, secure.strict_port), says)


def test_a_client_with_a_certificate_of_somebody_else_is_refused(secure: Secure) -> None:
    says = "it does not trust your certificate"
    assert says in until_said(secure.showing(secure.foreign), says)


def test_tls_to_a_server_that_speaks_none_is_refused_with_the_fix(secure: Secure) -> None:
    said = refusal(secure.url({"ssl_ca_certs": secure.authority, "socket_timeout": 0.5}, secure.plain_port))
    assert "write redis:// instead of rediss:// where no TLS is spoken" in said


@pytest.mark.parametrize("name", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
def test_a_file_that_is_not_there_is_named_at_once(secure: Secure, name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{name} is '/nowhere/file.pem', which is no file"):
        opens(secure.url({name: "/nowhere/file.pem"}))
