"""The PostgreSQL server of the tests starts, answers, survives an outage and leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from celeriac.testing.servers import MISSING, PostgresServer, ServerFailed, postgres_home

psycopg = pytest.importorskip("psycopg", reason="psycopg is missing: pip install celeriac[postgres]")

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(postgres_home() is None, reason=MISSING),
    pytest.mark.skipif(not hasattr(os, "geteuid"), reason="the wheel's server needs Unix sockets"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


def ask(server: PostgresServer, question: str) -> object:
    with psycopg.connect(**server.params, connect_timeout=10) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def test_it_starts_and_answers(server):
    assert ask(server, "select 1") == 1


def test_its_dsn_leads_to_it(server):
    with psycopg.connect(server.dsn) as connection:
        assert connection.info.host == str(server.folder)


def test_it_writes_through_to_the_disk(server):
    assert ask(server, "show fsync") == "on"


def test_it_does_not_run_as_root(server):
    assert (server.folder / "data").stat().st_uid != 0


def test_what_was_committed_survives_an_outage(server):
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("create table outage as select 42 as answer")
        before = server.pid
        server.restart()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    assert server.pid != before
    assert ask(server, "select answer from outage") == 42


def test_while_interrupted_it_refuses_and_then_comes_back(server):
    server.interrupt()
    assert server.pid is None
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**server.params, connect_timeout=2)
    server.start()
    assert ask(server, "select 1") == 1


def test_settings_are_passed_on_and_nothing_is_left_behind():
    with PostgresServer({"max_connections": "7"}) as server:
        folder = server.folder
        assert ask(server, "show max_connections") == "7"
    assert not folder.exists()
    assert server.pid is None
    with pytest.raises(ServerFailed, match="not started"):
        _ = server.dsn


def test_a_server_that_cannot_start_says_why():
    server = PostgresServer({"no_such_setting": "1"})
    try:
        with pytest.raises(ServerFailed, match="no_such_setting"):
            server.start()
    finally:
        server.stop()
