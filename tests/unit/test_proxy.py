"""The proxy of the outage tests does to connections what it says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.proxy import Proxy

PATIENCE = 5.0


def echo(listener: socket.socket) -> None:
    with suppress(OSError):  # the listener was closed
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def answer(connection: socket.socket) -> None:
    with suppress(OSError), connection:
        while data := connection.recv(4096):
            connection.sendall(data)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        with Proxy(listener.getsockname(), seed=7) as proxy:
            yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with reach(proxy) as client:
        yield client


def reach(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)


def says(client: socket.socket, text: bytes = b"hello") -> bytes:
    """Send a text; return what comes back of it before the connection ends."""
    heard = b""
    with suppress(ConnectionError):
        client.sendall(text)
        while len(heard) < len(text) and (data := client.recv(4096)):
            heard += data
    return heard


def test_what_is_sent_comes_back(client: socket.socket) -> None:
    assert says(client) == b"hello"


def test_a_cut_ends_the_connections_of_now_and_no_later_one(proxy: Proxy, client: socket.socket) -> None:
    assert says(client) == b"hello"
    proxy.cut()
    assert says(client) == b""
    with reach(proxy) as other:
        assert says(other) == b"hello"


def how_far(proxy: Proxy) -> int:
    """Return how many of 400 single bytes come back before the connection is cut."""
    with reach(proxy) as client:
        return sum(len(says(client, b"x")) for _ in range(400))


def test_connections_are_cut_after_bytes_that_the_seed_decides(proxy: Proxy) -> None:
    proxy.cut_after(10, 300)
    found = [how_far(proxy) for _ in range(3)]
    assert len(set(found)) > 1
    assert all(10 <= far <= 300 for far in found)
    with Proxy(proxy.target, seed=7) as again:
        again.cut_after(10, 300)
        assert [how_far(again) for _ in range(3)] == found
    proxy.cut_no_more()
    assert how_far(proxy) == 400


def test_a_stalled_network_holds_everything_back_and_closes_nothing(proxy: Proxy, client: socket.socket) -> None:
    proxy.stall()
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        says(client)
    client.settimeout(PATIENCE)
    proxy.resume()
    assert client.recv(5) == b"hello"


def test_a_half_open_connection_is_silent_for_ever_while_new_ones_work(proxy: Proxy, client: socket.socket) -> None:
    assert says(client) == b"hello"
    proxy.silence()
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        says(client)
    with reach(proxy) as other:
        assert says(other) == b"hello"


def test_new_connections_are_refused_until_they_are_taken_again_on_the_same_port(proxy: Proxy, client: socket.socket) -> None:
    assert says(client) == b"hello"
    port = proxy.port
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        reach(proxy)
    assert says(client) == b"hello"
    proxy.accept()
    assert proxy.port == port
    with reach(proxy) as other:
        assert says(other) == b"hello"


def test_data_is_delayed_each_way(proxy: Proxy, client: socket.socket) -> None:
    proxy.delay = 0.1
    begun = time.monotonic()
    assert says(client) == b"hello"
    assert time.monotonic() - begun >= 0.2


def test_it_reaches_a_unix_socket_too(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        threading.Thread(target=echo, args=(listener,), daemon=True).start()
        with Proxy(path) as proxy, reach(proxy) as client:
            assert says(client) == b"hello"


def test_a_server_that_is_away_is_a_connection_that_ends(tmp_path: Path) -> None:
    with Proxy(str(tmp_path / "nobody")) as proxy, reach(proxy) as client:
        assert says(client) == b""
