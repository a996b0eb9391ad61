"""URLs of RabbitMQ, and what each mistake in one is answered with."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from celeriac.conf.brokers import with_store, without_password
from celeriac.conf.results import store_of as results_of
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.brokers.rabbitmq.address import Address, hidden, store_of
from celeriac.engine.brokers.rabbitmq.broker import RabbitBroker
from celeriac.engine.errors import BrokerUnavailable, ImproperlyConfigured
from celeriac.outbox import address as known_as
from celeriac.testing.rabbitmq import RabbitServer
from celeriac.testing.serverprocess import free_port


@pytest.mark.parametrize(
    ("url", "hosts", "user", "password", "virtual_host"),
    [
        ("amqp://", ["localhost:5672"], "guest", "guest", "/"),
        ("amqp://mq", ["mq:5672"], "guest", "guest", "/"),
        ("amqp://mq/", ["mq:5672"], "guest", "guest", "/"),
        ("amqp://mq//", ["mq:5672"], "guest", "guest", "/"),
        ("pyamqp://me:p%40ss@mq:5673/shop", ["mq:5673"], "me", "p@ss", "shop"),
        ("amqps://mq/%2fshop", ["mq:5671"], "guest", "guest", "/shop"),
        ("amqp://me:x@one,two:5673/shop", ["one:5672", "two:5673"], "me", "x", "shop"),
        ("amqp://[::1]:5673/shop", ["[::1]:5673"], "guest", "guest", "shop"),
        ("amqp://[::1]", ["[::1]:5672"], "guest", "guest", "/"),
    ],
)
def test_the_parts_of_a_url(url: str, hosts: list[str], user: str, password: str, virtual_host: str) -> None:
    address = Address(url)
    assert (address.hosts, address.user, address.password) == (hosts, user, password)
    assert address.virtual_host == virtual_host


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("amqp://mq:x/", "the port 'x' is no number"),
        ("amqp://mq/?heartbeat=soon", "heartbeat=soon is no number of seconds"),
        ("amqp://mq/?heartbeet=10", "no option 'heartbeet'. Did you mean 'heartbeat'?"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(url: str, says: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        Address(url)
    assert says in str(caught.value)
    assert "amqp://user:password@host:5672/vhost" in str(caught.value)


@pytest.mark.parametrize("option", ["ssl_cert_reqs=never", "login_method=MAGIC"])
def test_what_a_connection_cannot_be_made_with_is_refused(option: str) -> None:
    address = Address(f"amqps://mq/?{option}")
    with pytest.raises(ImproperlyConfigured, match="is none of"):
        address.options("mq:5671")


def test_certificates_are_checked_by_default() -> None:
    tls = Address("amqps://mq/").options("mq:5671")["ssl"]
    assert (tls["cert_reqs"].name, tls["server_hostname"]) == ("CERT_REQUIRED", "mq")


def test_queues_are_called_apart_from_those_of_celery_and_long_names_fit() -> None:
    address = Address("amqp://mq")
    assert address.queue("mail") == "celeriac.mail"
    assert Address("amqp://mq/?prefix=shop.").queue("mail") == "shop.mail"
    long = [address.queue("ü" * 200 + end) for end in "ab"]
    assert len(set(long)) == 2
    assert {len(name.encode()) <= 255 for name in long} == {True}


def test_passwords_are_never_shown() -> None:
    url = with_store("amqp://me:secret@mq/shop", "redis://me:other@h/1")
    assert store_of(url) == "redis://me:other@h/1"
    for shown in (hidden(url), without_password(url), known_as(url)):
        assert "secret" not in shown
        assert "other" not in shown
        assert "mq/shop" in shown


def test_the_store_is_that_of_the_results_where_it_can_be_one() -> None:
    assert store_of(with_store("amqp://mq", None)) == "django://default"
    assert store_of(with_store("amqp://mq", "django-cache")) == "django://default"
    assert store_of(with_store("amqp://mq?heartbeat=5", "django://other")) == "django://other"
    assert store_of(with_store("amqp://mq?store=django%3A%2F%2Fmine", "redis://h")) == "django://mine"
    assert with_store("redis://h", "django-db") == "redis://h"


@pytest.mark.parametrize("backend", ["redis://h/1", "django-db", "django://other", "rpc://", "amqp://mq", None])
def test_results_stay_in_the_store_that_has_the_jobs(backend: str | None) -> None:
    assert results_of(backend, with_store("amqp://mq", backend), "default", {}) is None


def test_results_for_the_cache_move_there() -> None:
    assert results_of("django-cache", "amqp://mq", "default", {}) == "cache://default?"


# -- what a server answers ------------------------------------------------------------------------------------------------


def refused(server: RabbitServer) -> str:
    return f"amqp://127.0.0.1:{free_port()}//"


def wrong_password(server: RabbitServer) -> str:
    return server.url("guest:wrong")


def no_such_user(server: RabbitServer) -> str:
    return server.url("nobody:wrong")


def no_such_virtual_host(server: RabbitServer) -> str:
    return server.url(virtual_host="nowhere")


def no_tls(server: RabbitServer) -> str:
    return server.url().replace("amqp://", "amqps://")


def unknown_host(server: RabbitServer) -> str:
    return "amqp://no-such-host.invalid//"


@pytest.mark.parametrize(
    ("make_url", "says"),
    [
        (refused, "nothing listens there. Start the server"),
        (wrong_password, "it refused the user or the password"),
        (no_such_user, "it refused the user or the password"),
        (no_such_virtual_host, "it has no such virtual host"),
        (no_tls, "it speaks no TLS on this port"),
        (unknown_host, "the host name is unknown"),
    ],
)
def test_each_mistake_has_a_sentence_of_its_own_within_5_s(
    rabbitmq: RabbitServer, store: MemoryBroker, make_url: Callable[[RabbitServer], str], says: str
) -> None:
    broker = RabbitBroker(make_url(rabbitmq), store)
    begun = time.monotonic()
    with pytest.raises(BrokerUnavailable, match=says) as caught:
        broker.open()
    assert time.monotonic() - begun < 5
    assert ":wrong" not in str(caught.value)


def test_a_server_that_never_answers_is_given_up_within_5_s(store: MemoryBroker) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        begun = time.monotonic()
        with pytest.raises(BrokerUnavailable, match="did not answer"):
            RabbitBroker(f"amqp://127.0.0.1:{mute.getsockname()[1]}//?connection_timeout=0.5", store).open()
    assert time.monotonic() - begun < 5
    assert Address("amqp://mq").connection_timeout < 5


def test_the_next_host_is_tried_where_the_first_is_away(rabbitmq: RabbitServer, store: MemoryBroker) -> None:
    with closing(RabbitBroker(f"amqp://127.0.0.1:{free_port()},127.0.0.1:{rabbitmq.port}//", store)) as broker:
        broker.open()
        assert broker.bring_in(["none"]) == 0


def test_a_worker_does_not_need_the_server_to_open_its_store(store: MemoryBroker) -> None:
    clone = RabbitBroker(f"amqp://127.0.0.1:{free_port()}//", store).clone()
    clone.open()
    assert clone.get("nobody's") is None
