"""The MariaDB server of the tests starts, survives an outage with its data and leaves nothing behind."""

from __future__ import annotations

import pytest

from celeriac.testing.mariadb import MISSING, MariaDBServer, mariadb_program
from celeriac.testing.servers import ServerFailed

pytestmark = [pytest.mark.mariadb, pytest.mark.skipif(mariadb_program() is None, reason=MISSING)]


def test_it_keeps_its_data_through_an_outage_and_leaves_nothing_behind() -> None:
    server = MariaDBServer()
    with server:
        server.create("kept")
        before, folder = server.pid, server.folder
        server.restart()
        assert server.pid not in (None, before)
        with pytest.raises(ServerFailed, match="database exists"):
            server.create("kept")
        server.interrupt()
        assert server.pid is None
    assert not folder.exists()


def test_it_says_what_it_is_missing() -> None:
    with pytest.raises(ServerFailed, match="was not started: call start"):
        _ = MariaDBServer().folder


def test_a_setting_that_does_not_exist_fails_with_the_end_of_the_log() -> None:
    server = MariaDBServer({"no-such-setting": "1"})
    with pytest.raises(ServerFailed, match="unknown variable 'no-such-setting=1'"), server:
        pass
    server.stop()
