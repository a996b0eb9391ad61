"""TLS with a real server that wants certificates of its clients: whom a client believes, and whom it refuses in what words."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import urlencode

import pytest

from celeriac.conf import read_settings
from celeriac.conf.reading import Source
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.brokers.rabbitmq.broker import RabbitBroker
from celeriac.engine.errors import BrokerUnavailable, ImproperlyConfigured
from celeriac.engine.job import Job
from celeriac.testing.rabbitmq import RabbitServer
from tests.certificates import Files
from tests.rabbitmq.conftest import Papers, papers
from tests.rabbitmq.test_server import turn_until

ELSEWHERE = "localhost"
"""A name under which the server is reached, and for which it has no certificate."""
BLIND = {"ssl_cert_reqs": "none"}


@pytest.fixture
def shown(rabbitmq: RabbitServer) -> Papers:
    """The certificates of a server that runs."""
    return papers()


def url(port: int, options: Mapping[str, object], host: str = "127.0.0.1", scheme: str = "amqps") -> str:
    return f"{scheme}://{host}:{port}//?{urlencode({'prefix': 'tls.', **options})}"


def showing(client: Files) -> dict[str, object]:
    return {"ssl_certfile": client.certificate, "ssl_keyfile": client.key}


def travels(store: MemoryBroker, place: str) -> RabbitBroker:
    """Have a job travel to the store."""
    broker = RabbitBroker(place, store)
    with closing(broker), closing(broker.conveyor(["default"], 1)) as conveyor:
        broker.open()
        broker.push([Job(id="one", task="shop.pay", queue="default", payload=b"[[],{},{}]")])
        turn_until(conveyor, lambda: store.get("one"))
    return broker


def refusal(store: MemoryBroker, place: str) -> str:
    begun = time.monotonic()
    with pytest.raises(BrokerUnavailable) as caught:
        RabbitBroker(place, store).open()
    assert time.monotonic() - begun < 5
    return str(caught.value)


def until_said(store: MemoryBroker, place: str, says: str) -> str:
    """Be refused until the reason is heard, and return it: the end of the connection may overtake it."""
    deadline = time.monotonic() + 60
    while says not in (said := refusal(store, place)):
        assert any(end in said for end in ("broke TLS off", "reset by peer", "Broken pipe", "closed the connection")), said
        assert time.monotonic() < deadline
    return said


def test_a_job_travels_by_tls_and_each_side_believes_the_other(shown: Papers, store: MemoryBroker) -> None:
    broker = travels(store, url(shown.port, {"ssl_ca_certs": shown.authority, **showing(shown.client)}))
    assert broker.warnings == ()


def test_what_celerys_settings_say_of_tls_is_enough(shown: Papers, store: MemoryBroker) -> None:
    tls = {
        "ca_certs": str(shown.authority), "certfile": str(shown.client.certificate), "keyfile": str(shown.client.key),
        "cert_reqs": ssl.CERT_REQUIRED,
    }  # fmt: skip
    written = {"CELERY_BROKER_URL": url(shown.port, {}, scheme="amqp"), "CELERY_BROKER_USE_SSL": tls}
    reading = read_settings([Source(written)])
    assert (reading.warnings, reading.notes) == ([], [])
    travels(store, reading.settings.broker_url)


@pytest.mark.parametrize("named", [True, False])
def test_a_certificate_of_somebody_else_is_refused_with_the_fix(shown: Papers, store: MemoryBroker, named: bool) -> None:
    believed = {"ssl_ca_certs": shown.stranger} if named else {}
    said = refusal(store, url(shown.port, {**believed, **showing(shown.client)}))
    assert "its certificate is not to be trusted: name the authority by ?ssl_ca_certs=" in said


def test_a_certificate_for_another_host_is_refused_with_the_fix(shown: Papers, store: MemoryBroker) -> None:
    options = {"ssl_ca_certs": shown.authority, **showing(shown.client)}
    said = refusal(store, url(shown.port, options, ELSEWHERE))
    assert "its certificate is for another host; write the name that stands in it" in said
    travels(store, url(shown.port, {**options, "ssl_server_hostname": "127.0.0.1"}, ELSEWHERE))


def test_who_wants_no_certificate_looked_at_is_warned(shown: Papers, store: MemoryBroker) -> None:
    [warning] = travels(store, url(shown.port, {**BLIND, **showing(shown.client)}, ELSEWHERE)).warnings
    assert "nobody checks whether it is the server" in warning


def test_a_client_without_a_certificate_is_told_how_to_show_one(shown: Papers, store: MemoryBroker) -> None:
    says = "it wants a certificate of yours: ?ssl_certfile="
    assert says in until_said(store, url(shown.port, {"ssl_ca_certs": shown.authority}), says)


def test_a_client_with_a_certificate_of_somebody_else_is_refused(shown: Papers, store: MemoryBroker) -> None:
    options = {"ssl_ca_certs": shown.authority, **showing(shown.foreign)}
    says = "it does not trust your certificate"
    assert says in until_said(store, url(shown.port, options), says)


@pytest.mark.parametrize("name", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
def test_a_file_that_is_not_there_is_named_at_once(store: MemoryBroker, name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{name} is '/nowhere/file.pem', which is no file"):
        RabbitBroker(url(5671, {name: "/nowhere/file.pem"}), store).open()
