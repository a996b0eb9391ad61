"""When a schedule runs, in words: the phrases, put together so that each language may order them as it does.

They are our own, because ``cron-descriptor`` says *or* where ``crontab`` means *and*, and leaves names of days in English.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING

from celeriac.engine.translation import Text, gettext_noop

if TYPE_CHECKING:
    from celeriac.schedules.pattern import Pattern

_FEW = 6  # times of a day that are named one by one
_RUN = 3  # neighbours that are named by the first and the last


# ---------------------------------------------------------------- the five fields


def pattern_words(pattern: Pattern, gettext: Text) -> str:
    """Return the minutes that match, such as "at 04:30, every Monday"."""
    time, date = _time_words(pattern, gettext), _date_words(pattern, gettext)
    if date:
        return gettext("{time}, {date}").format(time=time, date=date)
    return time if len(pattern.hours) == 24 else gettext("{time}, every day").format(time=time)


def _time_words(pattern: Pattern, gettext: Text) -> str:
    hours, minutes = sorted(pattern.hours), sorted(pattern.minutes)
    if len(hours) == 24:
        return _minute_words(minutes, gettext)
    if len(hours) * len(minutes) <= _FEW:
        times = [f"{hour:02}:{minute:02}" for hour in hours for minute in minutes]
        return gettext("at {times}").format(times=listed(times, gettext))
    if (step := _step(hours, 24)) and len(minutes) <= _FEW:
        return gettext("every {count} hours, at minute {minutes}").format(count=step, minutes=_numbers(minutes, gettext))
    spans = [f"{first:02}:00-{last:02}:59" for first, last in _runs(hours, 24, 1)]
    return gettext("{minutes}, {spans}").format(minutes=_minute_words(minutes, gettext), spans=listed(spans, gettext))


def _minute_words(minutes: Sequence[int], gettext: Text) -> str:
    if len(minutes) == 60:
        return gettext("every minute")
    if step := _step(minutes, 60):
        return gettext("every {count} minutes").format(count=step)
    return gettext("every hour, at minute {minutes}").format(minutes=_numbers(minutes, gettext))


def _date_words(pattern: Pattern, gettext: Text) -> str:
    days, months = _day_words(pattern, gettext), _month_words(pattern.months, gettext)
    if days and months:
        return gettext("{days} in {months}").format(days=days, months=months)
    return days or (months and gettext("every day in {months}").format(months=months))


def _day_words(pattern: Pattern, gettext: Text) -> str:
    every_day, every_weekday = len(pattern.days) == 31, len(pattern.weekdays) == 7
    if pattern.either_day and (every_day or every_weekday):
        return ""
    weekdays = "" if every_weekday else _names(sorted(pattern.weekdays), WEEKDAYS, 0, gettext)
    if every_day:
        return gettext("every {weekdays}").format(weekdays=weekdays) if weekdays else ""
    whole_year = len(pattern.months) == 12
    days = (gettext("on day {days} of the month") if whole_year else gettext("on day {days}")).format(
        days=_numbers(sorted(pattern.days), gettext)
    )
    if every_weekday:
        return days
    if pattern.either_day:
        return gettext("{days} or every {weekdays}").format(days=days, weekdays=weekdays)
    return gettext("{days} if that is {weekdays}").format(days=days, weekdays=weekdays)


def _month_words(months: Collection[int], gettext: Text) -> str:
    return "" if len(months) == 12 else _names(sorted(months), MONTHS, 1, gettext)


# ---------------------------------------------------------------- lists


def listed(texts: Sequence[str], gettext: Text) -> str:
    """Return "a, b and c"."""
    if len(texts) == 1:
        return texts[0]
    others = reduce(lambda first, second: gettext("{first}, {second}").format(first=first, second=second), texts[:-1])
    return gettext("{others} and {last}").format(others=others, last=texts[-1])


def _numbers(numbers: Sequence[int], gettext: Text) -> str:
    return listed(_spans([(str(first), str(last), last - first) for first, last in _runs(numbers, 0, _RUN)], gettext), gettext)


def _names(numbers: Sequence[int], names: Sequence[str], first_number: int, gettext: Text) -> str:
    """Return the names of weekdays or months, neighbours as "Monday to Friday", also around the end of the week or year."""
    runs = _runs(numbers, len(names), _RUN)
    named = [(gettext(names[first - first_number]), gettext(names[last - first_number]), last - first) for first, last in runs]
    return listed(_spans(named, gettext), gettext)


def _spans(runs: Sequence[tuple[str, str, int]], gettext: Text) -> list[str]:
    return [gettext("{first} to {last}").format(first=first, last=last) if length else first for first, last, length in runs]


def _runs(numbers: Sequence[int], cycle: int, least: int) -> list[tuple[int, int]]:
    """Return neighbours as pairs of the first and the last; fewer than ``least`` stay by themselves.

    With a ``cycle`` of numbers, the last of them and the first are neighbours.
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    if cycle and len(runs) > 1 and runs[-1][-1] - runs[0][0] == cycle - 1:
        runs = [*runs[1:-1], runs[-1] + runs[0]]
    return [pair for run in runs for pair in ([(run[0], run[-1])] if len(run) >= least else [(n, n) for n in run])]


def _step(numbers: Sequence[int], cycle: int) -> int:
    """Return the step of numbers that begin at 0 and are the same distance apart around the cycle; 0: they are not."""
    if len(numbers) < 2 or cycle % len(numbers):
        return 0
    step = cycle // len(numbers)
    return step if list(numbers) == list(range(0, cycle, step)) else 0


# ---------------------------------------------------------------- an interval


def every_words(duration: timedelta, gettext: Text) -> str:
    """Return "every 5 minutes", "every 1 day 30 seconds"."""
    for each, unit in EACH.items():
        if duration == unit:
            return gettext(each)
    hours, seconds = divmod(duration.seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    exact = f"{seconds}.{duration.microseconds:06}".rstrip("0").rstrip(".")
    counts = (str(duration.days), str(hours), str(minutes), exact)
    words = [
        gettext(one if n == "1" else many).format(count=n) for n, (one, many) in zip(counts, UNITS, strict=True) if n != "0"
    ]
    return gettext("every {duration}").format(duration=" ".join(words))


# ---------------------------------------------------------------- the sun


def sun_words(event: str, gettext: Text) -> str:
    """Return the name of an event of the sun."""
    return gettext(SUN[event])


WEEKDAYS = (
    gettext_noop("Sunday"), gettext_noop("Monday"), gettext_noop("Tuesday"), gettext_noop("Wednesday"),
    gettext_noop("Thursday"), gettext_noop("Friday"), gettext_noop("Saturday"),
)  # fmt: skip
MONTHS = (
    gettext_noop("January"), gettext_noop("February"), gettext_noop("March"), gettext_noop("April"),
    gettext_noop("May"), gettext_noop("June"), gettext_noop("July"), gettext_noop("August"),
    gettext_noop("September"), gettext_noop("October"), gettext_noop("November"), gettext_noop("December"),
)  # fmt: skip
UNITS = (
    (gettext_noop("1 day"), gettext_noop("{count} days")),
    (gettext_noop("1 hour"), gettext_noop("{count} hours")),
    (gettext_noop("1 minute"), gettext_noop("{count} minutes")),
    (gettext_noop("1 second"), gettext_noop("{count} seconds")),
)
EACH = {
    gettext_noop("every 24 hours"): timedelta(days=1),
    gettext_noop("every hour"): timedelta(hours=1),
    gettext_noop("every minute"): timedelta(minutes=1),
    gettext_noop("every second"): timedelta(seconds=1),
}
SUN = {
    "dawn_astronomical": gettext_noop("astronomical dawn"),
    "dawn_nautical": gettext_noop("nautical dawn"),
    "dawn_civil": gettext_noop("civil dawn"),
    "sunrise": gettext_noop("sunrise"),
    "solar_noon": gettext_noop("solar noon"),
    "sunset": gettext_noop("sunset"),
    "dusk_civil": gettext_noop("civil dusk"),
    "dusk_nautical": gettext_noop("nautical dusk"),
    "dusk_astronomical": gettext_noop("astronomical dusk"),
}
