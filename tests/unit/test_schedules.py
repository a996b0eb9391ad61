"""The kinds of schedule: when each runs, what it is equal to, and what a row keeps of it."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from importlib import import_module
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from celeriac import Celery
from celeriac.compat.modules import MODULES
from celeriac.schedules import (
    BaseSchedule,
    clocked,
    cron,
    crontab,
    every,
    from_dict,
    maybe_schedule,
    rrule,
    schedstate,
    schedule,
    solar,
    take_zone_from,
    zone,
)

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2027, 2, 1, 12, tzinfo=UTC)

ONE_OF_EACH = [
    schedule(30),
    schedule(timedelta(hours=1), relative=True, tz="Asia/Shanghai"),
    every(0.5),
    crontab(minute="*/15", hour=[9, 17], day_of_week="mon-fri", tz="America/New_York"),
    cron("0 4 1 * mon"),
    clocked(datetime(2027, 1, 31, 4, tzinfo=UTC)),
    clocked("2027-01-31T04:00", tz=timezone(timedelta(hours=-3, minutes=-30))),
    solar("sunset", 52.5, 13.4, tz="Europe/Berlin"),
    rrule("FREQ=MONTHLY;BYDAY=-1FR"),
    rrule("FREQ=DAILY;INTERVAL=2", dtstart=datetime(2026, 3, 1, 9, tzinfo=UTC), tz="Asia/Tokyo"),
]
CELERYS_NAMES = {
    "BaseSchedule", "ParseException", "crontab", "crontab_parser", "maybe_schedule", "schedstate", "schedule", "solar",
}  # fmt: skip
each = pytest.mark.parametrize("one", ONE_OF_EACH, ids=repr)


@pytest.fixture
def project_in_berlin() -> Iterator[None]:
    before = zone._project_zone
    take_zone_from(lambda: BERLIN)
    yield
    take_zone_from(before)


def at(text: str, tz: tzinfo = UTC) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=tz)


# -- all of them -----------------------------------------------------------------------------------------------------------


def test_schedules_need_no_django() -> None:
    program = "import sys, celeriac.schedules; sys.exit(any(name.partition('.')[0] == 'django' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("module", ["celery.schedules", "celery.task.schedules"])
def test_celerys_modules_have_the_kinds_that_celery_has(module: str) -> None:
    places = {name: place.partition(":")[::2] for name, place in MODULES[module].items()}
    found = {name: getattr(import_module(home), attribute) for name, (home, attribute) in places.items()}
    assert found.keys() == CELERYS_NAMES
    assert all(found[name].__name__ == name for name in CELERYS_NAMES)


@each
def test_what_a_row_keeps_makes_the_same_schedule(one: BaseSchedule) -> None:
    again = from_dict(json.loads(json.dumps(one.to_dict())))
    assert (again, hash(again), repr(again)) == (one, hash(one), repr(one))
    assert again.next_times(MONDAY - timedelta(days=365), 3) == one.next_times(MONDAY - timedelta(days=365), 3)


@each
def test_schedules_can_be_copied_and_pickled(one: BaseSchedule) -> None:
    assert copy.deepcopy(one) == one
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - our own


@each
def test_each_next_time_is_later_aware_and_in_the_zone_of_the_schedule(one: BaseSchedule) -> None:
    moment = datetime(2027, 1, 1, tzinfo=UTC)
    times = one.next_times(moment, 5)
    assert times, "there are times after the start of 2027"
    for time in times:
        assert time > moment
        assert time.utcoffset() == time.astimezone(one.tz).utcoffset()
        moment = time


@pytest.mark.parametrize("other", [schedule(31), schedule(30, relative=True), schedule(30, tz="UTC"), 30, crontab()], ids=repr)
def test_another_schedule_is_not_equal(other: Any) -> None:
    assert schedule(30) != other


def test_schedules_are_equal_by_what_they_mean() -> None:
    assert crontab(minute="*/30") == crontab(minute={0, 30}) != cron("0,30 * * * *")
    assert schedule(60) == every(1, "minute") == schedule(timedelta(minutes=1))
    assert len({crontab(minute=0), crontab(minute="0"), crontab(minute=1)}) == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"kind": "moon"},
            "There is no kind of schedule 'moon'; expected one of interval, crontab, cron, clocked, solar, rrule.",
        ),
        ({"kind": ["cron"]}, "no kind of schedule"),
        ({}, "There is no kind of schedule None"),
        ({"kind": "interval"}, "'every'"),
        ({"kind": "interval", "every": "5"}, "run_every is '5'"),
        ({"kind": "interval", "every": 1e300}, "run_every is 1e\\+300"),
        ({"kind": "interval", "every": float("nan")}, "run_every is nan"),
        ({"kind": "crontab", "minute": None}, "minute is None"),
        ({"kind": "crontab", "minute": "0", "nowfun": "x"}, "has no field nowfun; expected minute, hour,"),
        ({"kind": "cron", "line": 5}, "are not the fields of a schedule of kind 'cron'"),
        ({"kind": "clocked", "clocked_time": "soon"}, "clocked_time is 'soon'"),
        ({"kind": "solar", "event": "sunset", "lat": "north", "lon": 0}, "lat is 'north'; expected degrees from -90 to 90"),
        ({"kind": "rrule", "rule": "FREQ=SOMETIMES"}, "rule is 'FREQ=SOMETIMES'"),
        ({"kind": "cron", "line": "@daily", "tz": "Mars/Base"}, "There is no time zone 'Mars/Base'"),
        ({"kind": "cron", "line": "@daily", "tz": "../etc/passwd"}, "There is no time zone"),
    ],
)
def test_a_broken_row_is_refused_with_what_is_wrong(data: dict[str, Any], said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=said):
        from_dict(data)


# -- zones -----------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project_in_berlin")
def test_the_zone_is_the_projects_at_the_moment_it_is_asked() -> None:
    four = crontab(minute=0, hour=4)
    assert four.next(MONDAY) == at("2027-02-02T04:00", BERLIN)
    take_zone_from(lambda: UTC)
    assert four.next(MONDAY) == at("2027-02-02T04:00")
    assert "tz" not in four.to_dict()


def test_djangos_project_gives_its_zone(settings: Any) -> None:
    settings.CELERY_TIMEZONE = "Asia/Shanghai"
    assert str(crontab().tz) == "Asia/Shanghai"


def test_the_zone_of_an_app_counts_for_its_schedules() -> None:
    app = Celery("x", broker="memory://", set_as_current=False, timezone="Asia/Tokyo")
    assert str(crontab(app=app).tz) == "Asia/Tokyo"
    assert str(crontab(app=app, tz="UTC").tz) == "UTC"


def test_an_unknown_zone_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(ValueError, match=r"There is no time zone 'Europ/Berlin'\. Did you mean Europe/Berlin"):
        crontab(tz="Europ/Berlin")
    with pytest.raises(TypeError, match="tz is 8;"):
        crontab(tz=8)  # type: ignore[arg-type]  # what a user may try


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("new york", "America/New_York"),
        ("New  York", "America/New_York"),
        ("utc", "UTC, Etc/UTC"),
        ("shanghai", "Asia/Shanghai"),
        ("europe/berlin", "Europe/Berlin"),
        ("buenos aires", "America/Buenos_Aires, America/Argentina/Buenos_Aires"),
        ("new yrok", "America/New_York"),
    ],
)
def test_a_zone_is_found_in_whichever_case_with_spaces_and_by_its_city(name: str, meant: str) -> None:
    with pytest.raises(ValueError, match=rf"There is no time zone '{name}'\. Did you mean {meant}\?"):
        crontab(tz=name)


def test_a_zone_of_pytz_becomes_the_one_of_that_name() -> None:
    class OfPytz(tzinfo):
        zone = "Europe/Berlin"

    assert crontab(tz=OfPytz()).tz is BERLIN


def test_a_zone_without_a_name_cannot_be_kept() -> None:
    class Nameless(tzinfo):
        def utcoffset(self, when: datetime | None) -> timedelta:
            return timedelta(hours=1)

    with pytest.raises(ValueError, match="has no name to keep it by"):
        crontab(tz=Nameless()).to_dict()


def test_a_naive_time_is_in_the_zone_of_the_schedule() -> None:
    naive = datetime(2027, 2, 1, 3, 59)  # noqa: DTZ001 - that is the matter
    assert crontab(minute=0, hour=4, tz=BERLIN).next(naive) == at("2027-02-01T04:00", BERLIN)


def test_a_schedule_of_ones_own_may_make_times_aware_as_in_celery() -> None:
    naive = datetime(2027, 2, 1, 3, 59)  # noqa: DTZ001 - that is the matter
    four = crontab(minute=0, hour=4, tz=BERLIN)
    assert four.maybe_make_aware(naive) == at("2027-02-01T03:59")
    assert four.maybe_make_aware(naive, naive_as_utc=False) == at("2027-02-01T03:59", BERLIN)
    assert four.maybe_make_aware(MONDAY) is MONDAY


# -- is it due -------------------------------------------------------------------------------------------------------------


def test_what_is_due_says_when_to_ask_again() -> None:
    four = crontab(minute=0, hour=4, tz="UTC", nowfun=lambda: at("2027-02-02T04:00:10"))
    assert four.is_due(at("2027-02-01T04:00")) == schedstate(True, 86390)
    assert four.is_due(at("2027-02-02T04:00")) == (False, 86390)
    assert four.remaining_estimate(at("2027-02-01T04:00")) == timedelta(seconds=-10)


def test_an_interval_is_due_when_it_has_passed() -> None:
    half_minute = schedule(30, nowfun=lambda: MONDAY)
    assert half_minute.is_due(MONDAY - timedelta(seconds=30)) == (True, 30)
    assert half_minute.is_due(MONDAY - timedelta(seconds=10)) == (False, 20)


def test_a_clocked_schedule_is_due_once_its_time_has_come() -> None:
    assert clocked(MONDAY, nowfun=lambda: MONDAY).is_due() == (True, None)
    assert clocked(MONDAY, nowfun=lambda: MONDAY - timedelta(seconds=5)).is_due(MONDAY) == (False, 5)


def test_what_never_runs_again_is_not_due() -> None:
    over = rrule("FREQ=DAILY;COUNT=1", tz="UTC", nowfun=lambda: MONDAY)
    assert over.is_due(MONDAY) == (False, None)


def test_a_schedule_of_ones_own_needs_only_next() -> None:
    class Noon(BaseSchedule):
        def next(self, after: datetime) -> datetime:
            return after.replace(hour=12) + timedelta(days=1)

    assert Noon(nowfun=lambda: MONDAY).is_due(MONDAY) == (False, 86400)
    assert Noon() != Noon()
    with pytest.raises(NotImplementedError, match="A Noon cannot be kept"):
        Noon().to_dict()
    with pytest.raises(NotImplementedError, match="give it a method next"):
        BaseSchedule().next(MONDAY)


# -- intervals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (schedule(30), "<freq: 30.00 seconds>"),
        (schedule(60), "<freq: 1.00 minute>"),
        (every(90, "minutes"), "<freq: 1.50 hours>"),
        (every(2, "days"), "<freq: 2.00 days>"),
        (every(1, "week"), "<freq: 7.00 days>"),
        (every(250_000, "microseconds"), "<freq: 0.25 seconds>"),
    ],
)
def test_an_interval_is_shown_as_celery_shows_it(one: schedule, shown: str) -> None:
    assert repr(one) == shown


def test_an_interval_counts_time_that_really_passes() -> None:
    times = every(1, "hour", tz=BERLIN).next_times(at("2026-10-25T01:30", BERLIN), 3)
    assert [f"{time:%H:%M %z}" for time in times] == ["02:30 +0200", "02:30 +0100", "03:30 +0100"]
    assert every(1, "day", tz=BERLIN).next(at("2026-10-24T12:00", BERLIN)) == at("2026-10-25T11:00", BERLIN)


@pytest.mark.parametrize(
    ("seconds", "after", "following"),
    [
        (3600, "2027-02-01T10:31:20.5", "2027-02-01T11:00"),
        (7200, "2027-02-01T10:31:20", "2027-02-01T12:00"),
        (60, "2027-02-01T10:31:20", "2027-02-01T10:32"),
        (10, "2027-02-01T10:31:20.5", "2027-02-01T10:31:30"),
        (0.5, "2027-02-01T10:31:20.5", "2027-02-01T10:31:21"),
        (86400, "2027-02-01T10:31:20", "2027-02-02T00:00"),
        (86400, "2026-10-25T00:00", "2026-10-26T00:00"),
        (86400, "2026-03-29T00:00", "2026-03-30T00:00"),
    ],
)
def test_a_relative_interval_is_at_full_units_of_the_clock(seconds: float, after: str, following: str) -> None:
    assert schedule(seconds, relative=True, tz=BERLIN).next(at(after, BERLIN)) == at(following, BERLIN)


@pytest.mark.parametrize("given", [0, -1, None, timedelta(0), "30", True])
def test_an_interval_that_is_none_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="expected a number of seconds or a timedelta greater than 0"):
        schedule(given)


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no unit 'fortnight'; expected one of microseconds, seconds"):
        every(1, "fortnight")


def test_numbers_become_schedules() -> None:
    app = Celery("x", broker="memory://", set_as_current=False)
    assert maybe_schedule(30) == maybe_schedule(timedelta(seconds=30)) == schedule(30)
    assert maybe_schedule(60, True).relative
    given = crontab(minute=5)
    assert maybe_schedule(given, app=app) is given
    assert given.app is app
    assert maybe_schedule("other") == "other"


# -- once ------------------------------------------------------------------------------------------------------------------


def test_a_clocked_time_comes_once() -> None:
    once = clocked("2027-02-01T04:00", tz=BERLIN)
    assert once.next(MONDAY - timedelta(days=1)) == at("2027-02-01T04:00", BERLIN)
    assert once.next(at("2027-02-01T04:00", BERLIN)) is None
    assert clocked("2026-03-29T02:30", tz=BERLIN).clocked_time == at("2026-03-29T03:00", BERLIN), "that time is skipped"


# -- the sun ---------------------------------------------------------------------------------------------------------------


def test_the_sun_sets_once_a_day() -> None:
    sunset = solar("sunset", 52.52, 13.405, tz=BERLIN)
    first = sunset.next(at("2026-06-21T12:00", BERLIN))
    assert first is not None
    assert abs(first - at("2026-06-21T21:33", BERLIN)) < timedelta(minutes=2), "the almanac says 21:33"
    days = [time.date() for time in sunset.next_times(at("2026-01-01T00:00"), 365)]
    assert len(set(days)) == 365


@pytest.mark.parametrize("longitude", [-179.9, -90.0, 0.0, 90.0, 179.9])
def test_an_event_comes_out_the_same_whenever_it_is_asked_for(longitude: float) -> None:
    sunrise = solar("sunrise", 40, longitude, tz="UTC")
    times = sunrise.next_times(at("2026-03-01T00:00"), 40)
    assert all(timedelta(hours=23, minutes=50) < later - earlier < timedelta(hours=24) for earlier, later in pairwise(times))
    for time in times[1:]:
        for before in (timedelta(microseconds=1), timedelta(minutes=1), timedelta(hours=11)):
            assert sunrise.next(time - before) == time


def test_nothing_runs_while_the_sun_does_not_rise() -> None:
    assert solar("sunrise", 69.65, 18.96, tz="UTC").next(at("2026-12-01T00:00")) > at("2027-01-10T00:00")  # type: ignore[operator]  # there is one
    assert solar("sunset", 90, 0).next(MONDAY) is None


def test_the_events_of_a_day_come_in_their_order() -> None:
    order = ["dawn_astronomical", "dawn_nautical", "dawn_civil", "sunrise", "solar_noon", "sunset", "dusk_civil"]
    order += ["dusk_nautical", "dusk_astronomical"]
    times = [solar(event, 40, 0, tz="UTC").next(at("2026-03-01T00:00")) for event in order]
    assert times == sorted(time for time in times if time)


def test_an_event_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no event 'tea'; expected one of dawn_astronomical"):
        solar("tea", 0, 0)
    with pytest.raises(ValueError, match="lon is 181; expected degrees from -180 to 180"):
        solar("sunset", 0, 181)


@pytest.mark.parametrize(("call", "package"), [("solar('sunset', 1, 2)", "ephem"), ("rrule('FREQ=DAILY')", "python-dateutil")])
def test_without_the_library_the_error_says_what_to_install(call: str, package: str) -> None:
    program = f"""
import sys
sys.modules["ephem"] = sys.modules["dateutil.rrule"] = None
from celeriac.schedules import *
try:
    {call}
except ImportError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True).stdout
    assert f"need {package}, which is not installed: pip install 'celeriac[schedules]'" in said


# -- rules of a calendar ---------------------------------------------------------------------------------------------------


LAST_FRIDAY = rrule("FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17", tz=BERLIN)
TWICE = rrule("FREQ=DAILY;COUNT=2", dtstart="2027-02-03T10:00", tz=BERLIN)
UNTIL = rrule("FREQ=DAILY;UNTIL=20270202T230000Z", tz=BERLIN)
FORTNIGHT = rrule("FREQ=WEEKLY;INTERVAL=2", dtstart="2027-01-25T09:00", tz=BERLIN)
IN_THE_GAP = rrule("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=28;BYHOUR=2;BYMINUTE=30", tz=BERLIN)


@pytest.mark.parametrize(
    ("one", "times"),
    [
        (LAST_FRIDAY, ["2027-02-26T17:00", "2027-03-26T17:00", "2027-04-30T17:00"]),
        (TWICE, ["2027-02-03T10:00", "2027-02-04T10:00"]),
        (UNTIL, ["2027-02-02T00:00", "2027-02-03T00:00"]),
        (FORTNIGHT, ["2027-02-08T09:00", "2027-02-22T09:00", "2027-03-08T09:00"]),
        (IN_THE_GAP, ["2027-03-28T03:00", "2028-03-28T02:30", "2029-03-28T02:30"]),
    ],
    ids=repr,
)
def test_a_rule_of_a_calendar_runs_by_local_time(one: rrule, times: list[str]) -> None:
    assert one.next_times(MONDAY, 3) == [at(time, BERLIN) for time in times]


def test_a_rule_for_each_minute_goes_on_in_the_repeated_hour() -> None:
    times = rrule("FREQ=MINUTELY;INTERVAL=30", tz=BERLIN).next_times(at("2026-10-25T01:59", BERLIN), 4)
    assert [f"{time:%H:%M %z}" for time in times] == ["02:00 +0200", "02:30 +0200", "02:00 +0100", "02:30 +0100"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("FREQ=WEKLY", "rule is 'FREQ=WEKLY'"),
        ("every day", "expected a rule such as"),
        ("DTSTART:20270101T000000\nRRULE:FREQ=DAILY", "that is the argument dtstart"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31", "there is no such date, this would never run"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "this would never run"),
        ("FREQ=MONTHLY;INTERVAL=0", "expected an INTERVAL of 1 or more"),
        ("FREQ=SECONDLY;COUNT=1000000000", "and no COUNT over 10000"),
    ],
)
def test_a_rule_that_is_none_or_never_comes_true_is_refused(rule: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rrule(rule)
