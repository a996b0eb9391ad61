"""The engine's own writers of a SQLite file go one after the other, and nobody waits long for one that does not go."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.brokers.sql.turnstile import LONGEST, Turnstile
from celeriac.testing.conformance.scenario import PATIENCE

pytest.importorskip("fcntl", reason="Windows has no flock: writers meet at SQLite's own lock.")

HOLDER = """
import sys, time
from pathlib import Path
from celeriac.engine.brokers.sql.turnstile import Turnstile
Turnstile(Path(sys.argv[1])).enter()
print("through", flush=True)
time.sleep(60)
"""


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Turnstile]:
    turnstile = Turnstile(tmp_path / "private" / "writers")
    yield turnstile
    turnstile.close()


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Turnstile]:
    turnstile = Turnstile(tmp_path / "private" / "writers")
    yield turnstile
    turnstile.close()


def test_one_is_through_at_a_time(first: Turnstile, second: Turnstile) -> None:
    first.enter()
    second.enter()  # after LONGEST, so that its file is open
    assert not second._taken()
    first.leave()
    assert second._taken()


def test_nobody_waits_for_long(first: Turnstile, second: Turnstile) -> None:
    first.enter()
    begun = time.monotonic()
    second.enter()
    assert LONGEST <= time.monotonic() - begun < PATIENCE


def test_where_there_can_be_no_such_lock_everybody_comes_through(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "taken").write_text("a file, where the folder should be")
    turnstile = Turnstile(tmp_path / "taken" / "writers")
    turnstile.enter()
    turnstile.enter()
    turnstile.leave()
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [f"{turnstile._path} cannot be used"]


def test_a_lock_that_is_lost_is_done_without(first: Turnstile, second: Turnstile, caplog: pytest.LogCaptureFixture) -> None:
    first.enter()
    os.close(first._file)
    first.enter()
    first.leave()
    assert "Bad file descriptor" in caplog.text
    second.enter()
    assert second._taken()


def test_a_process_that_is_killed_holds_nobody_up(first: Turnstile, tmp_path: Path) -> None:
    path = tmp_path / "private" / "writers"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "through\n"
        holder.kill()
    first.enter()
    assert first._taken(), "it is ours, so it can be taken again"


@pytest.mark.parametrize("alias", ["sqlite"], indirect=True)
def test_a_worker_writes_only_when_it_is_through(alias: str, others: SQLBroker) -> None:
    connection = others.connection
    with connection.atomic():
        other = Turnstile(connection._turnstile._path)  # type: ignore[attr-defined]  # only SQLite's has one
        begun = time.monotonic()
        other.enter()
        assert time.monotonic() - begun >= LONGEST
    other.enter()
    assert other._taken()
    other.close()
