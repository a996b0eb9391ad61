"""Each mistake in a URL has a sentence and a fix of its own, which come within 5 seconds."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.errors import BrokerUnavailable
from celeriac.testing.servers import free_port
from tests.redis.conftest import Server

# -- what a server refuses -------------------------------------------------------------------------------------------------


def no_cluster(server: Server) -> str:
    return server.url().replace("redis://", "redis+cluster://")


def wrong_password(server: Server) -> str:
    server.admin.config_set("requirepass", "right")
    return server.url(":wrong@")


def no_password(server: Server) -> str:
    server.admin.config_set("requirepass", "right")
    return server.url()


def no_such_user(server: Server) -> str:
    return server.url("nobody:x@")


def no_such_database(server: Server) -> str:
    return server.url(database=999)


def no_sentinel(server: Server) -> str:
    return server.url().replace("redis://", "sentinel://") + "?sentinel_master=jobs"


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (no_cluster, "it is no Cluster: write redis:// instead of redis"),
        (wrong_password, "it refused the user or the password"),
        (no_password, "it wants a password, and the URL has none"),
        (no_such_user, "it refused the user or the password"),
        (no_such_database, "it has no database of that number"),
        (no_sentinel, "it is no Sentinel: write redis:// instead of sentinel://"),
    ],
)
def test_what_a_server_refuses_has_a_sentence_of_its_own(server: Server, mistake: Callable[[Server], str], says: str) -> None:
    said = refusal(mistake(server))
    assert says in said
    assert "wrong" not in said.partition("(")[0]


def refusal(url: str) -> str:
    """Return why a broker does not open, which it says within 5 s."""
    begun = time.monotonic()
    with closing(RedisBroker(url)) as broker, pytest.raises(BrokerUnavailable) as caught:
        broker.open()
    assert time.monotonic() - begun < 5
    return str(caught.value)


# -- where there is no server ------------------------------------------------------------------------------------------------


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What a mistake needs open as long as the test lasts."""
    with ExitStack() as stack:
        yield stack


def refused(opened: ExitStack) -> str:
    return f"redis://127.0.0.1:{free_port()}/0"


def refused_by_a_cluster(opened: ExitStack) -> str:
    return f"redis+cluster://127.0.0.1:{free_port()}"


def refused_by_sentinels(opened: ExitStack) -> str:
    return f"sentinel://127.0.0.1:{free_port()};127.0.0.1:{free_port()}/0?sentinel_master=jobs"


def no_socket(opened: ExitStack) -> str:
    return "unix:///nowhere/redis.sock"


def no_such_host(opened: ExitStack) -> str:
    return "redis://no-such-host.invalid/0"


def nobody_answers(opened: ExitStack) -> str:
    """Something takes connections there, and says nothing."""
    listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
    return f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def another_protocol(opened: ExitStack) -> str:
    """A web server, say."""
    listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))

    def answer() -> None:
        with suppress(OSError):  # it is closed at the end
            while True:
                client = opened.enter_context(listener.accept()[0])
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    threading.Thread(target=answer, daemon=True).start()
    return f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def what_is_sent_is_dropped(opened: ExitStack) -> str:
    """No answer even to the first packet: as behind a firewall, or where a host is switched off."""
    listener = opened.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    for _ in range(4):  # more than wait to be accepted: Linux drops what comes then
        client = opened.enter_context(socket.socket())
        client.setblocking(False)
        with suppress(BlockingIOError):
            client.connect(listener.getsockname())
    return f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (refused, "nothing listens there. Start the server"),
        (refused_by_a_cluster, "nothing listens there. Start the server"),
        (refused_by_sentinels, "no Sentinel that answers knows a living master"),
        (another_protocol, "what listens there is no Redis or Valkey server"),
        (no_socket, "there is no such socket. Start the server"),
        (no_such_host, "this machine knows no host of that name. Correct it"),
        (nobody_answers, "it did not answer in time"),
        (what_is_sent_is_dropped, "nothing answered in time: correct the host, or let the firewall"),
    ],
)
def test_a_place_without_a_server_has_a_sentence_of_its_own(
    opened: ExitStack, mistake: Callable[[ExitStack], str], says: str
) -> None:
    said = refusal(mistake(opened))
    assert says in said
    assert "<redis" not in said, "no insides of the driver"
