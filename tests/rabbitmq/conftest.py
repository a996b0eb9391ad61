"""One RabbitMQ server for a whole run: it takes some seconds to start.

It speaks TLS on a port of its own, to clients whose certificate its authority has signed.
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import itertools
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.brokers.rabbitmq.broker import RabbitBroker
from celeriac.engine.clock import SystemClock
from celeriac.testing.rabbitmq import RabbitServer, require_rabbitmq
from celeriac.testing.serverprocess import free_port
from tests.certificates import Authority, Files

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rabbitmq.md"
LEAST_RIGHTS = "celeriac:password"
"""The user with the rights that the page gives, on the queues whose names begin with ``celeriac.``."""
_numbers = itertools.count(1)


class Papers(NamedTuple):
    """Who is to be believed by TLS on ``port``, and who is not."""

    port: int
    server: Files
    authority: Path
    stranger: Path
    client: Files
    foreign: Files


@cache
def _folder() -> Path:
    """Where the server finds what it is given. It may run as somebody else, who must read it."""
    folder = Path(tempfile.mkdtemp(prefix="celeriac-rabbit-files-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    return folder


@cache
def papers() -> Papers:
    """The certificates of the server and of its clients."""
    authority, stranger = Authority(_folder(), "authority"), Authority(_folder(), "stranger")
    server, client = authority.issue("server", ["127.0.0.1"]), authority.issue("client")
    return Papers(free_port(), server, authority.path, stranger.path, client, stranger.issue("foreign"))


def _users() -> Path:
    """Return a file with the users that there are: one who may do everything, and the one that the documentation makes."""
    (rights,) = re.findall(r"set_permissions -p VHOST USER '(.*?)' '(.*?)' '(.*?)'`", PAGE.read_text(encoding="utf-8"))
    everything = (".*", ".*", ".*")
    users = {"guest:guest": ("administrator", everything), LEAST_RIGHTS: ("", rights)}
    path = _folder() / "users.json"
    path.write_text(json.dumps({
        "vhosts": [{"name": "/"}],
        "users": [_user(login, tags) for login, (tags, _rights) in users.items()],
        "permissions": [
            {"user": login.partition(":")[0], "vhost": "/", **dict(zip(("configure", "write", "read"), rights, strict=True))}
            for login, (_tags, rights) in users.items()
        ],
    }))  # fmt: skip
    return path


def _user(login: str, tags: str) -> dict[str, str]:
    name, _colon, password = login.partition(":")
    digest = base64.b64encode(b"salt" + hashlib.sha256(b"salt" + password.encode()).digest()).decode()
    return {"name": name, "password_hash": digest, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": tags}


@cache
def _shared() -> RabbitServer:
    shown = papers()
    server = RabbitServer(
        {
            "listeners.ssl.default": f"127.0.0.1:{shown.port}", "ssl_options.cacertfile": str(shown.authority),
            "ssl_options.certfile": str(shown.server.certificate), "ssl_options.keyfile": str(shown.server.key),
            "ssl_options.verify": "verify_peer", "ssl_options.fail_if_no_peer_cert": "true",
            "load_definitions": str(_users()),
        },
        in_memory=True,
    )  # fmt: skip
    atexit.register(server.stop)
    return server


@pytest.fixture
def rabbitmq() -> RabbitServer:
    """The server, running, whatever the test before has done to it. All modules of a process share it."""
    require_rabbitmq()
    return _shared().start()


@pytest.fixture
def url(rabbitmq: RabbitServer) -> str:
    """A URL with queues of this test alone."""
    return rabbitmq.url(prefix=f"t{os.getpid()}.{next(_numbers)}.")


@pytest.fixture
def store() -> MemoryBroker:
    """What jobs are brought into."""
    return MemoryBroker(SystemClock())


@pytest.fixture
def broker(url: str, store: MemoryBroker) -> Iterator[RabbitBroker]:
    broker = RabbitBroker(url, store)
    yield broker
    broker.close()
