"""Schedules by the clock on the wall, where clocks are put forward and back; against a scan of every minute."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celeriac.schedules import BaseSchedule, clocked, cron, crontab, every
from tests.schedules_oracle import NAMED, Minutes, Rule, compare, random_rule


def shown(one: BaseSchedule, after: str, n: int) -> list[str]:
    """Return the next times as the clocks of the schedule's zone show them."""
    return [f"{time:%d %H:%M}" for time in one.next_times(datetime.fromisoformat(after).replace(tzinfo=one.tz), n)]


def test_a_time_that_is_skipped_runs_once_right_after_the_gap() -> None:
    half_past_two = crontab(30, 2, tz="Europe/Berlin")
    assert shown(half_past_two, "2026-03-28T00:00", 4) == ["28 02:30", "29 03:00", "30 02:30", "31 02:30"]
    assert shown(crontab("0,20,40", 2, tz="Europe/Berlin"), "2026-03-28T12:00", 2) == ["29 03:00", "30 02:00"]
    assert shown(cron("30 2 * * *", tz="America/New_York"), "2026-03-07T12:00", 2) == ["08 03:00", "09 02:30"]


def test_what_is_skipped_and_what_is_due_at_the_end_of_the_gap_is_one_run() -> None:
    assert shown(crontab(0, "2,3", tz="Europe/Berlin"), "2026-03-28T12:00", 3) == ["29 03:00", "30 02:00", "30 03:00"]
    assert shown(crontab("*/30", tz="Europe/Berlin"), "2026-03-29T01:00", 3) == ["29 01:30", "29 03:00", "29 03:30"]


def test_a_gap_of_half_an_hour_and_one_of_a_day_are_gaps_too() -> None:
    assert shown(crontab(15, 2, tz="Australia/Lord_Howe"), "2026-10-03T12:00", 2) == ["04 02:30", "05 02:15"]
    assert shown(crontab(0, 4, tz="Pacific/Apia"), "2011-12-29T00:00", 3) == ["29 04:00", "31 00:00", "31 04:00"]
    assert shown(crontab(0, 0, tz="Africa/Cairo"), "2026-04-23T12:00", 2) == ["24 01:00", "25 00:00"], "there is no midnight"


def test_a_fixed_time_that_comes_twice_runs_the_first_time() -> None:
    times = crontab(30, 2, tz="Europe/Berlin").next_times(datetime(2026, 10, 24, 12, tzinfo=UTC), 2)
    assert [time.isoformat() for time in times] == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
    in_second_pass = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    assert crontab(30, 2, tz="Europe/Berlin").next(in_second_pass) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_what_runs_in_every_hour_goes_on_in_the_hour_that_is_repeated() -> None:
    times = crontab(30, tz="Europe/Berlin").next_times(datetime(2026, 10, 24, 23, 45, tzinfo=UTC), 3)
    assert [time.isoformat() for time in times] == [
        f"2026-10-25T{time}:00" for time in ("02:30:00+02", "02:30:00+01", "03:30:00+01")
    ]
    times = crontab(tz="Australia/Lord_Howe").next_times(datetime(2026, 4, 4, 14, tzinfo=UTC), 180)
    minutes = [time.astimezone(UTC) for time in times]
    assert {later - earlier for earlier, later in pairwise(minutes)} == {timedelta(minutes=1)}


def test_a_zone_of_a_fixed_offset_has_neither() -> None:
    assert shown(crontab(30, 2, tz=UTC), "2026-03-28T12:00", 2) == ["29 02:30", "30 02:30"]


COUNTING = """
import sys
from datetime import datetime, timezone
from celeriac.schedules import crontab

calls = 0

def count(*_):
    global calls
    calls += 1

leap_monday = crontab(0, 0, "mon", 29, 2, tz="UTC")
sys.setprofile(count)
found = leap_monday.next(datetime(2024, 3, 1, tzinfo=timezone.utc))
sys.setprofile(None)
print(found.date(), calls)
"""


def test_a_rare_time_is_found_without_looking_at_each_minute() -> None:
    # In a process of its own: Python 3.11 may count for ever where another thread wants to run, too.
    told = subprocess.run([sys.executable, "-c", COUNTING], capture_output=True, text=True, check=True, timeout=60)
    found, calls = told.stdout.split()
    assert found == "2044-02-29"
    assert int(calls) < 20_000, "there are ten million minutes before it"


# -- the oracle ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "zones"),
    [
        (datetime(2011, 12, 10, tzinfo=UTC), ["Pacific/Apia"]),
        (datetime(2026, 3, 1, tzinfo=UTC), ["Europe/Berlin", "America/New_York", "Africa/Casablanca"]),
        (datetime(2026, 10, 1, tzinfo=UTC), ["Europe/Berlin", "Australia/Lord_Howe", "Asia/Shanghai"]),
    ],
)
def test_a_scan_of_every_minute_finds_the_same_times(start: datetime, zones: list[str]) -> None:
    chance = random.Random(6)
    rules = [random_rule(chance) for _ in range(60)]
    tallies = list(compare(zones, rules, start, 40))
    assert [mismatch for tally in tallies for mismatch in tally.mismatches] == []
    assert sum(tally.times for tally in tallies) > 10_000


RULES = st.integers(0, 10**9).map(lambda seed: random_rule(random.Random(seed)))
DAYS = {zone: [Minutes(zone, start, 5) for start in starts] for zone, starts in {
    "Europe/Berlin": [datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)],
    "Australia/Lord_Howe": [datetime(2026, 4, 3, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)],
    "Pacific/Apia": [datetime(2011, 12, 28, tzinfo=UTC)],
}.items()}  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(rule=RULES, zone=st.sampled_from(sorted(DAYS)), turn=st.integers(0, 1), seconds=st.floats(0, 4 * 86400))
def test_next_is_later_and_the_first_that_matches(rule: Rule, zone: str, turn: int, seconds: float) -> None:
    minutes = DAYS[zone][turn % len(DAYS[zone])]
    after = minutes.start + timedelta(seconds=seconds)
    found = rule.schedule(zone).next(after)
    found = found and found.astimezone(UTC)  # a time that comes twice equals none of another zone
    matching = [time for time in minutes.times(minutes.expected(rule), 0, minutes.count) if time > after]
    end = minutes.start + timedelta(minutes=minutes.count)
    assert found is None or found > after
    assert (found if found is not None and found < end else None) == (matching[0] if matching else None)


MOMENTS = st.datetimes(datetime(1975, 1, 1), datetime(2035, 1, 1), timezones=st.sampled_from([UTC, ZoneInfo("Asia/Tokyo")]))  # noqa: DTZ001 - the zone is drawn


@settings(max_examples=150, deadline=None)
@given(rule=RULES, moment=MOMENTS, zone=st.sampled_from(NAMED))
def test_next_is_strictly_later_from_any_moment_in_any_zone(rule: Rule, moment: datetime, zone: str) -> None:
    one = rule.schedule(zone)
    found = one.next(moment)
    assert found is None or found > moment
    if found is not None:
        before = found.astimezone(UTC) - timedelta(microseconds=1)  # in its own zone that may be a time which there is not
        assert one.next(before) == found
        following = one.next(found)
        assert following is None or following > found


@pytest.mark.parametrize("one", [every(7, "minutes"), clocked("2026-03-29T02:30", tz="Europe/Berlin")], ids=repr)
def test_the_times_do_not_depend_on_the_zone_they_are_asked_in(one: BaseSchedule) -> None:
    moment = datetime(2026, 3, 28, tzinfo=UTC)
    assert one.next(moment) == one.next(moment.astimezone(ZoneInfo("Asia/Tokyo")))
