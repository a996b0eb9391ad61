"""The fields of crontab and cron: what they mean, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from celeriac.schedules import ParseException, cron, crontab, crontab_parser, every

FIRST = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "given", "numbers"),
    [
        ("minute", "*", set(range(60))),
        ("minute", 5, {5}),
        ("minute", "5", {5}),
        ("minute", {1, 2}, {1, 2}),
        ("minute", [0, 30], {0, 30}),
        ("minute", (n for n in (7, 8)), {7, 8}),
        ("minute", "*/15", {0, 15, 30, 45}),
        ("minute", "0-10/5, 59", {0, 5, 10, 59}),
        ("minute", "58-1", {58, 59, 0, 1}),
        ("hour", "22-3", {22, 23, 0, 1, 2, 3}),
        ("hour", "22-3/2", {22, 0, 2}),
        ("day_of_week", "mon-fri", {1, 2, 3, 4, 5}),
        ("day_of_week", "fri-mon", {5, 6, 0, 1}),
        ("day_of_week", "Monday,SAT", {1, 6}),
        ("day_of_week", ["sun", "wed"], {0, 3}),
        ("day_of_week", "*/2", {0, 2, 4, 6}),
        ("day_of_month", "*/10", {1, 11, 21, 31}),
        ("day_of_month", "30-2", {30, 31, 1, 2}),
        ("month_of_year", "jan,jun-aug", {1, 6, 7, 8}),
        ("month_of_year", "*/3", {1, 4, 7, 10}),
        ("month_of_year", "nov-feb", {11, 12, 1, 2}),
    ],
)  # fmt: skip
def test_a_field_means_these_numbers(field: str, given: Any, numbers: set[int]) -> None:
    assert getattr(crontab(**{field: given}), field) == numbers


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"minute": 60}, "minute is '60': 60 is out of range: expected 0 to 59."),
        ({"hour": "24"}, "hour is '24': 24 is out of range: expected 0 to 23."),
        ({"day_of_week": 7}, "day_of_week is '7': 7 is out of range: expected 0 to 6. Sunday is 0."),
        ({"day_of_month": 0}, "day_of_month is '0': 0 is out of range: expected 1 to 31."),
        ({"month_of_year": "13"}, "month_of_year is '13'"),
        ({"hour": {3, 25}}, "hour is '3,25': 25 is out of range"),
        ({"day_of_week": "mond,tues,noday"}, "'noday' is no number and no name such as sun."),
        ({"day_of_week": "mo"}, "'mo' is no number"),
        ({"minute": "mon"}, "minute is 'mon': 'mon' is no number."),
        ({"minute": "1-x"}, "'x' is no number"),
        ({"minute": "99999999999999999999"}, "out of range"),
    ],
)
def test_a_number_that_a_field_does_not_have_is_named(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        crontab(**fields)
    assert not isinstance(caught.value, ParseException)


NO_FIELDS = ["", "1,", "*/", "*/0", "*/x", "1-", "-5", "1-2-3", "5/10", "*-5", "1 2", "**", "*5", "1.5", -1, "\u0665"]


@pytest.mark.parametrize("text", NO_FIELDS)
def test_a_text_that_is_no_field_is_a_parse_error_that_names_the_field(text: str | int) -> None:
    with pytest.raises(ParseException, match=r"^hour is "):
        crontab(hour=text)


def test_a_step_without_a_range_is_answered_with_the_range() -> None:
    with pytest.raises(ParseException, match="'5/10' has a step and no range; write 5-59/10"):
        crontab(minute="5/10")


@pytest.mark.parametrize("given", [None, 1.5, True])
def test_what_is_no_field_at_all_is_refused_by_its_name(given: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="hour is"):
        crontab(hour=given)


@pytest.mark.parametrize(
    "fields",
    [
        {"day_of_month": 31, "month_of_year": 2},
        {"day_of_month": "30,31", "month_of_year": "feb"},
        {"day_of_month": 31, "month_of_year": "4,6,9,11"},
    ],
)  # fmt: skip
def test_an_impossible_date_is_refused_at_once(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="this would never run"):
        crontab(**fields)


def test_the_29th_of_february_is_possible_even_as_a_weekday() -> None:
    assert str(crontab(0, 0, day_of_month=29, month_of_year=2, tz="UTC").next(FIRST)) == "2028-02-29 00:00:00+00:00"
    assert str(crontab(0, 0, "fri", 29, 2, tz="UTC").next(FIRST)) == "2036-02-29 00:00:00+00:00"


def test_the_calendar_ends() -> None:
    assert crontab(0, 0, day_of_month=29, month_of_year=2, tz="UTC").next(datetime(9996, 3, 1, tzinfo=UTC)) is None
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        assert crontab(0, 0, day_of_month=1, month_of_year=1, tz=zone).next(datetime.max.replace(tzinfo=UTC)) is None
    assert every(1, "day", tz="Asia/Tokyo").next(datetime.max.replace(tzinfo=UTC)) is None


def test_the_arguments_are_in_celerys_order() -> None:
    assert crontab(1, 2, 3, 4, 5).to_dict() == {
        "kind": "crontab", "minute": "1", "hour": "2", "day_of_week": "3", "day_of_month": "4", "month_of_year": "5",
    }  # fmt: skip


def test_a_crontab_is_shown_as_celery_shows_it_and_keeps_what_was_written() -> None:
    assert repr(crontab(0, 4)) == "<crontab: 0 4 * * * (m/h/dM/MY/d)>"
    assert repr(crontab("*/5", {9, 17}, "mon", 2, 3)) == "<crontab: */5 9,17 2 3 mon (m/h/dM/MY/d)>"
    assert vars(crontab("*/5"))["_orig_minute"] == "*/5"
    assert repr(cron(" 0  4 * * 7")) == "<cron: 0 4 * * 7>"


# -- both day fields -------------------------------------------------------------------------------------------------------


def days(one: crontab | cron) -> list[str]:
    return [f"{time:%m-%d}" for time in one.next_times(FIRST, 3)]


def test_crontab_wants_both_day_fields_to_match() -> None:
    assert days(crontab(0, 4, "mon", 1, tz="UTC")) == ["02-01", "03-01", "11-01"]
    assert days(crontab.from_string("0 4 1 * mon", tz="UTC")) == ["02-01", "03-01", "11-01"]


def test_cron_wants_one_of_both_where_both_are_restricted() -> None:
    assert days(cron("0 4 1 * mon", tz="UTC")) == ["01-01", "01-04", "01-11"]
    assert days(cron("0 4 * * mon", tz="UTC")) == ["01-04", "01-11", "01-18"]
    assert days(cron("0 4 1 * *", tz="UTC")) == ["01-01", "02-01", "03-01"]
    assert days(cron("0 4 */2 * mon", tz="UTC")) == ["01-11", "01-25", "02-01"], "a field with a * does not restrict"
    assert days(cron("0 4 31 2 mon", tz="UTC")) == ["02-01", "02-08", "02-15"], "the Mondays remain"


# -- a line of a crontab file ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("0 4 * * *", crontab(0, 4)),
        ("  5   4\t1-7  jan mon  ", crontab(5, 4, "mon", "1-7", 1)),
        ("@hourly", crontab(0)),
        ("@daily", crontab(0, 0)),
        ("@midnight", crontab(0, 0)),
        ("@weekly", crontab(0, 0, 0)),
        ("@Monthly", crontab(0, 0, day_of_month=1)),
        ("@yearly", crontab(0, 0, day_of_month=1, month_of_year=1)),
        ("@annually", crontab(0, 0, day_of_month=1, month_of_year=1)),
        ("0 0 * * 7", crontab(0, 0, "sun")),
        ("0 0 * * 5-7", crontab(0, 0, "fri-sun")),
        ("0 0 * * 1-7", crontab(0, 0)),
        ("0 0 * * 0-7", crontab(0, 0)),
        ("0 0 * * 7-2", crontab(0, 0, "sun-tue")),
        ("0 0 * * 1-7/2", crontab(0, 0, "1,3,5,0")),
        ("0 0 * * */7", crontab(0, 0, "sun")),
        ("0 0 * * 7-7", crontab(0, 0, "sun")),
    ],
)
def test_a_line_of_a_crontab_file_is_read(line: str, same: crontab) -> None:
    assert crontab.from_string(line) == same
    assert cron(line).pattern.weekdays == same.day_of_week


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("@dayly", "There is no '@dayly'; expected one of @yearly"),
        ("@reboot", "There is no '@reboot'"),
        ("* * * *", "has 4 fields; a crontab line has 5"),
        ("0 4 * * * *", "has 6 fields"),
        ("", "has 0 fields"),
        ("0 4 * * 8", "day_of_week is '8': 8 is out of range"),
        ("0 4 31 2 *", "this would never run"),
    ],
)
@pytest.mark.parametrize("read", [crontab.from_string, cron])
def test_a_line_that_is_none_is_refused(read: Any, line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(line)


# -- the parser ------------------------------------------------------------------------------------------------------------


def test_the_parser_counts_numbers_as_celerys_does() -> None:
    assert crontab_parser(24).parse("*/6") == {0, 6, 12, 18}
    assert crontab_parser(31, 1).parse("*") == set(range(1, 32))
    assert crontab_parser(12, 1).parse("dec-feb") == {12, 1, 2}
    assert crontab_parser(7).parse("sat-mon") == {6, 0, 1}
    assert crontab_parser().parse("10-14/2,59") == {10, 12, 14, 59}
    assert crontab_parser.ParseException is ParseException


@pytest.mark.parametrize(("given", "count", "number"), [(23, 24, "23"), (59, 60, "59")])
def test_a_parser_of_one_too_few_suggests_the_right_one(given: int, count: int, number: str) -> None:
    said = f"{number} is out of range: expected 0 to {given - 1}. .* how many numbers there are: {count}, not {given}."
    with pytest.raises(ValueError, match=said):
        crontab_parser(given, 0).parse(number)
