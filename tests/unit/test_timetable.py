"""Which times of a periodic task are due, which were missed, and what becomes of those."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from celeriac.beat.timetable import AT_ONCE, GRACE, Timetable
from celeriac.engine.entry import Entry

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def a_timetable(kind: str, zone: str = "", start: float | None = None, end: float | None = None, **fields: Any) -> Timetable:
    entry = Entry(
        id=1, name="x", kind=kind, fields=fields, time_zone=zone, task="t", args=[], kwargs={}, queue="", priority=None,
        headers={}, options={}, start=start, end=end, one_off=False, misfire="once", misfire_limit=10, overlap="allow",
        jitter=0.0, next_run=None, held=None, last_run=None, last_job=None,
    )  # fmt: skip
    return Timetable(entry, fields, "UTC")


def every(seconds: float, **limits: Any) -> Timetable:
    return a_timetable("interval", every=seconds, **limits)


def at_four(**limits: Any) -> Timetable:
    return a_timetable("crontab", minute="0", hour="4", **limits)


def test_on_time_the_one_time_that_is_due_runs_and_the_next_follows() -> None:
    assert every(30).due(NOON, NOON + 0.1, "once", 1) == ([NOON], NOON + 30)
    assert at_four().due(NOON - 8 * HOUR, NOON - 8 * HOUR, "once", 1) == ([NOON - 8 * HOUR], NOON + 16 * HOUR)


@pytest.mark.parametrize("misfire", ["skip", "once", "all"])
def test_what_is_late_within_the_grace_all_runs_whatever_the_policy(misfire: str) -> None:
    times, following = every(1).due(NOON, NOON + 3.5, misfire, 1)
    assert (times, following) == ([NOON, NOON + 1, NOON + 2, NOON + 3], NOON + 4)


@pytest.mark.parametrize(("misfire", "runs"), [("skip", []), ("once", [NOON]), ("all", [NOON, NOON + DAY])])
def test_the_policy_decides_about_times_that_nobody_was_there_for(misfire: str, runs: list[float]) -> None:
    daily = a_timetable("crontab", minute="0", hour="12")
    assert daily.due(NOON, NOON + DAY + HOUR, misfire, 5) == (runs, NOON + 2 * DAY)


def test_of_all_that_was_missed_no_more_run_than_the_limit() -> None:
    times, following = every(MINUTE).due(NOON, NOON + HOUR + 30, "all", 3)
    assert (times, following) == ([NOON, NOON + MINUTE, NOON + 2 * MINUTE], NOON + HOUR + MINUTE)


def test_where_a_recent_time_runs_it_makes_up_for_those_missed() -> None:
    times, following = every(10).due(NOON, NOON + HOUR + 1, "once", 1)
    assert (times, following) == ([NOON + HOUR - 10, NOON + HOUR], NOON + HOUR + 10)


def test_an_interval_keeps_its_pace_over_a_gap() -> None:
    assert every(7).resume(NOON, NOON + 1000) == NOON + 1001
    assert every(7).resume(NOON, NOON + 1001) == NOON + 1008


def test_a_year_of_seconds_is_passed_at_once_and_no_more_than_a_batch_is_fired() -> None:
    times, following = every(1).due(NOON, NOON + 365 * DAY, "skip", 1)
    assert (len(times), following) == (GRACE, NOON + 365 * DAY + 1)
    times, following = every(0.01).due(NOON, NOON + 10, "once", 1)
    assert len(times) == AT_ONCE
    assert following == pytest.approx(NOON + 1.0)


def test_nothing_runs_before_the_start_or_after_the_end() -> None:
    assert every(HOUR, start=NOON).next(NOON - DAY) == NOON
    assert at_four(start=NOON - 8 * HOUR).next(NOON - DAY) == NOON - 8 * HOUR
    assert at_four(end=NOON).next(NOON) is None
    assert every(HOUR, end=NOON + HOUR).due(NOON + HOUR, NOON + HOUR, "once", 1) == ([NOON + HOUR], None)


def test_a_time_zone_decides_when_four_o_clock_is() -> None:
    assert at_four(zone="Asia/Shanghai").next(NOON) == NOON + 8 * HOUR
