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


def pattern_words(pattern: Pattern, _: Text) -> str:
    """Return the minutes that match, such as "at 04:30, every Monday"."""
    time, date = _time_words(pattern, _), _date_words(pattern, _)
    if date:
        return _("{time}, {date}").format(time=time, date=date)
    return time if len(pattern.hours) == 24 else _("{time}, every day").format(time=time)


def _time_words(pattern: Pattern, _: Text) -> str:
    hours, minutes = sorted(pattern.hours), sorted(pattern.minutes)
    if len(hours) == 24:
        return _minute_words(minutes, _)
    if len(hours) * len(minutes) <= _FEW:
        times = [f"{hour:02}:{minute:02}" for hour in hours for minute in minutes]
        return _("at {times}").format(times=listed(times, _))
    if (step := _step(hours, 24)) and len(minutes) <= _FEW:
        return _("every {count} hours, at minute {minutes}").format(count=step, minutes=_numbers(minutes, _))
    spans = [f"{first:02}:00-{last:02}:59" for first, last in _runs(hours, 24, 1)]
    return _("{minutes}, {spans}").format(minutes=_minute_words(minutes, _), spans=listed(spans, _))


def _minute_words(minutes: Sequence[int], _: Text) -> str:
    if len(minutes) == 60:
        return _("every minute")
    if step := _step(minutes, 60):
        return _("every {count} minutes").format(count=step)
    return _("every hour, at minute {minutes}").format(minutes=_numbers(minutes, _))


def _date_words(pattern: Pattern, _: Text) -> str:
    days, months = _day_words(pattern, _), _month_words(pattern.months, _)
    if days and months:
        return _("{days} in {months}").format(days=days, months=months)
    return days or (months and _("every day in {months}").format(months=months))


def _day_words(pattern: Pattern, _: Text) -> str:
    every_day, every_weekday = len(pattern.days) == 31, len(pattern.weekdays) == 7
    weekdays = "" if every_weekday else _names(sorted(pattern.weekdays), WEEKDAYS, 0, _)
    if every_day:
        return _("every {weekdays}").format(weekdays=weekdays) if weekdays else ""
    whole_year = len(pattern.months) == 12
    days = (_("on day {days} of the month") if whole_year else _("on day {days}")).format(
        days=_numbers(sorted(pattern.days), _)
    )
    if every_weekday:
        return days
    if pattern.either_day:
        return _("{days} or every {weekdays}").format(days=days, weekdays=weekdays)
    return _("{days} if that is {weekdays}").format(days=days, weekdays=weekdays)


def _month_words(months: Collection[int], _: Text) -> str:
    return "" if len(months) == 12 else _names(sorted(months), MONTHS, 1, _)


# ---------------------------------------------------------------- lists


def listed(texts: Sequence[str], _: Text) -> str:
    """Return "a, b and c"."""
    if len(texts) == 1:
        return texts[0]
    others = reduce(lambda first, second: _("{first}, {second}").format(first=first, second=second), texts[:-1])
    return _("{others} and {last}").format(others=others, last=texts[-1])


def _numbers(numbers: Sequence[int], _: Text) -> str:
    return listed(_spans([(str(first), str(last), last - first) for first, last in _runs(numbers, 0, _RUN)], _), _)


def _names(numbers: Sequence[int], names: Sequence[str], first_number: int, _: Text) -> str:
    """Return the names of weekdays or months, neighbours as "Monday to Friday", also around the end of the week or year."""
    runs = _runs(numbers, len(names), _RUN)
    named = [(_(names[first - first_number]), _(names[last - first_number]), last - first) for first, last in runs]
    return listed(_spans(named, _), _)


def _spans(runs: Sequence[tuple[str, str, int]], _: Text) -> list[str]:
    return [_("{first} to {last}").format(first=first, last=last) if length else first for first, last, length in runs]


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


def every_words(duration: timedelta, _: Text) -> str:
    """Return "every 5 minutes", "every 1 day 30 seconds"."""
    seconds = duration.seconds
    counts = (duration.days, seconds // 3600, seconds % 3600 // 60, seconds % 60 + duration.microseconds / 1_000_000)
    given = [(count, *units) for count, units in zip(counts, UNITS, strict=True) if count]
    if len(given) == 1 and given[0][0] == 1:
        return _(given[0][1])
    return _("every {duration}").format(
        duration=" ".join(
            _(one if count == 1 else many).format(count=f"{count:g}" if count < 60 else count)
            for count, _every, one, many in given
        )
    )


# ---------------------------------------------------------------- the sun


def sun_words(event: str, _: Text) -> str:
    """Return the name of an event of the sun."""
    return _(SUN[event])


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
    (gettext_noop("every 24 hours"), gettext_noop("1 day"), gettext_noop("{count} days")),
    (gettext_noop("every hour"), gettext_noop("1 hour"), gettext_noop("{count} hours")),
    (gettext_noop("every minute"), gettext_noop("1 minute"), gettext_noop("{count} minutes")),
    (gettext_noop("every second"), gettext_noop("1 second"), gettext_noop("{count} seconds")),
)
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
