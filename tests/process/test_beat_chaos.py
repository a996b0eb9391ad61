"""The harness that kills schedulers: a short run of it, and that it sees what it is there to see."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.beat_chaos.entries import entries
from tests.beat_chaos.play import Run, play
from tests.beat_chaos.verdict import Tick, judge, read
from tests.chaos.engines import ENGINES

START = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


@pytest.mark.process
def test_three_schedulers_of_which_some_are_killed_tick_each_time_once(
    tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    run = Run(engine="sqlite", hours=0.1, speed=120.0, strike_every=0.7, seed=3)
    with django_db_blocker.unblock(), ENGINES["sqlite"]() as engine:
        played = play(run, engine.settings("short", tmp_path), tmp_path)
    assert (played.verdict.missing, played.verdict.extra) == (0, 0)
    assert played.verdict.ticks == played.verdict.expected == 77
    assert played.kills >= 1
    assert played.stops >= 1


def test_the_times_that_are_expected_are_those_of_the_schedule() -> None:
    times = {entry.name: entry.times(START, START + 3600) for entry in entries()}
    assert {name: len(found) for name, found in times.items()} == {
        "minutely 0": 61, "minutely 1": 61, "minutely 2": 61, "minutely 3": 61, "every 20 s": 181, "every 30 s": 121,
        "every 45 s": 81, "every 90 s": 41, "each 5 minutes": 13, "hourly": 2, "half past, elsewhere": 1,
    }  # fmt: skip
    assert times["hourly"] == [START, START + 3600]


def test_a_tick_that_is_missing_twice_or_at_another_time_is_counted(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    lines = [(0, "a"), (0, "a"), (60, "b"), (60, "c"), (61, "d")]
    ledger.write_text("".join(f"{datetime.fromtimestamp(START + at, UTC).isoformat()} {id} an entry\n" for at, id in lines))
    verdict = judge(read(ledger), {"an entry": [START, START + 60, START + 120], "another": [START]})
    assert (verdict.expected, verdict.ticks, verdict.again) == (4, 4, 1)
    assert (verdict.missing, verdict.extra) == (2, 2)
    assert verdict.is_red
    assert not judge([Tick("x", START, "a")], {"x": [START]}).is_red
