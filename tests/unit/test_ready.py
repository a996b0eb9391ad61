"""Waiting for sockets, also in a process that has thousands of them."""

from __future__ import annotations

import fcntl
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from celeriac.engine.ipc.ready import ready

BEYOND_SELECT = 1100


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Let the process have more descriptors than select() knows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard <= BEYOND_SELECT:
        pytest.skip(f"this machine allows a process {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, BEYOND_SELECT + 100), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_those_that_can_be_read_are_returned_as_they_were_given(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    assert ready([theirs, ours], 5.0) == [ours]
    assert ready([ours.fileno()], 5.0) == [ours.fileno()]


def test_an_end_that_is_gone_can_be_read(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.close()
    assert ready([ours], 5.0) == [ours]


@pytest.mark.parametrize("with_sources", [True, False])
def test_it_waits_no_longer_than_asked(pair: tuple[socket.socket, socket.socket], with_sources: bool) -> None:
    begun = time.monotonic()
    assert ready(pair if with_sources else [], 0.05) == []
    assert time.monotonic() - begun >= 0.04


@pytest.mark.usefixtures("many_descriptors")
def test_a_process_may_have_more_descriptors_than_select_knows(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    with socket.socket(fileno=fcntl.fcntl(ours, fcntl.F_DUPFD, BEYOND_SELECT)) as high:
        assert high.fileno() >= BEYOND_SELECT
        theirs.send(b"x")
        assert ready([high], 5.0) == [high]
