"""What schedules must do, found by looking at every minute: ``python -m tests.schedules_oracle --help``.

It knows nothing of how they are computed. It walks through the minutes of UTC, looks at what a clock on the wall shows, and
notes the minutes that match. A time that was skipped counts at the first minute after the gap; a time that the clock showed
before counts no more, unless the schedule runs in every hour.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from celeriac.schedules import cron, crontab

MINUTE = timedelta(minutes=1)
RANGES = {"minute": (0, 59), "hour": (0, 23), "day_of_week": (0, 6), "day_of_month": (1, 31), "month_of_year": (1, 12)}
NAMED = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Shanghai",
    "America/Santiago", "Africa/Cairo", "Asia/Beirut", "Pacific/Chatham", "America/St_Johns", "Asia/Kathmandu",
    "Antarctica/Troll", "America/Havana", "Atlantic/Azores", "Asia/Gaza", "Europe/Dublin", "UTC",
)  # fmt: skip


class Field(NamedTuple):
    """One field: its text, and the numbers that it stands for."""

    text: str
    numbers: frozenset[int]


@dataclass(frozen=True)
class Rule:
    """A random crontab, with its meaning."""

    fields: dict[str, Field]
    either_day: bool = False

    @property
    def every_hour(self) -> bool:
        return len(self.fields["hour"].numbers) == 24

    def schedule(self, zone: str) -> crontab | cron:
        texts = {name: field.text for name, field in self.fields.items()}
        if not self.either_day:
            return crontab(**texts, tz=zone)
        return cron("{minute} {hour} {day_of_month} {month_of_year} {day_of_week}".format(**texts), tz=zone)

    def meets(self, numbers: dict[str, int]) -> bool:
        met = {name: numbers[name] in field.numbers for name, field in self.fields.items()}
        days = (met["day_of_week"], met["day_of_month"])
        return met["minute"] and met["hour"] and met["month_of_year"] and (any(days) if self.either_day else all(days))


def shown(wall: datetime) -> dict[str, int]:
    """Return what a clock and a calendar on the wall show, by field."""
    day_of_week = (wall.weekday() + 1) % 7
    return dict(zip(RANGES, (wall.minute, wall.hour, day_of_week, wall.day, wall.month), strict=True))


class Minutes:
    """Every minute of some days in a zone; sets of minutes are numbers, with a bit for each."""

    def __init__(self, zone: str, start: datetime, days: int) -> None:
        self.start = start
        self.count = days * 1440
        self.skipped: list[tuple[int, dict[str, int]]] = []
        self.changes: list[int] = []
        self._bits = {
            (name, n): bytearray(self.count // 8) for name, (low, high) in RANGES.items() for n in range(low, high + 1)
        }
        self._repeated = bytearray(self.count // 8)
        self._scan(ZoneInfo(zone))
        self._masks = {key: int.from_bytes(bits, "little") for key, bits in self._bits.items()}
        self._first_time = ~int.from_bytes(self._repeated, "little")

    def _scan(self, zone: ZoneInfo) -> None:
        before = (self.start - MINUTE).astimezone(zone).replace(tzinfo=None, fold=0)
        highest = max((self.start - n * MINUTE).astimezone(zone).replace(tzinfo=None, fold=0) for n in range(1, 1600))
        for at in range(self.count):
            wall = (self.start + at * MINUTE).astimezone(zone).replace(tzinfo=None, fold=0)
            byte, bit = at // 8, 1 << at % 8
            for key in shown(wall).items():
                self._bits[key][byte] |= bit
            if wall <= highest:
                self._repeated[byte] |= bit
            if wall != before + MINUTE:
                self.changes.append(at)
                self.skipped += [(at, shown(missed)) for missed in between(max(before, highest), wall)]
            before, highest = wall, max(highest, wall)

    def expected(self, rule: Rule) -> int:
        """Return the minutes in which ``rule`` is to run."""
        met = {name: self._any(name, field.numbers) for name, field in rule.fields.items()}
        days = (met["day_of_week"] | met["day_of_month"]) if rule.either_day else (met["day_of_week"] & met["day_of_month"])
        found = met["minute"] & met["hour"] & met["month_of_year"] & days
        if not rule.every_hour:
            found &= self._first_time
        for at, numbers in self.skipped:
            if rule.meets(numbers):
                found |= 1 << at
        return found

    def _any(self, name: str, numbers: frozenset[int]) -> int:
        found = 0
        for number in numbers:
            found |= self._masks[name, number]
        return found

    def times(self, minutes: int, first: int, last: int) -> list[datetime]:
        """Return the times of a set of minutes, from the minute ``first`` up to ``last``."""
        flags = format((minutes >> first) & ((1 << (last - first)) - 1), "b")[::-1]
        return [self.start + at * MINUTE for at, flag in enumerate(flags, first) if flag == "1"]


def between(before: datetime, after: datetime) -> Iterator[datetime]:
    """Yield the minutes between two."""
    wall = before + MINUTE
    while wall < after:
        yield wall
        wall += MINUTE


def computed(schedule: crontab | cron, first: datetime, last: datetime) -> list[datetime]:
    """Return the times that the schedule itself names, from ``first`` up to ``last``."""
    times = []
    moment = schedule.next(first - timedelta(microseconds=1))
    while moment is not None and moment.astimezone(UTC) < last:
        times.append(moment.astimezone(UTC))
        moment = schedule.next(moment)
    return times


# ---------------------------------------------------------------- random crontabs


def random_field(name: str, chance: random.Random, any_share: float) -> Field:
    low, high = RANGES[name]
    everything = frozenset(range(low, high + 1))
    kind = chance.random()
    if kind < any_share:
        return Field("*", everything)
    if kind < any_share + 0.08:
        step = chance.choice([2, 3, 5, 7, 15])
        return Field(f"*/{step}", frozenset(range(low, high + 1, step)))
    if kind < any_share + 0.2:
        return random_range(low, high, chance)
    numbers = frozenset(chance.sample(sorted(everything), chance.choice([1, 1, 1, 2, 3])))
    return Field(",".join(map(str, numbers)), numbers)


def random_range(low: int, high: int, chance: random.Random) -> Field:
    """Return a range with a step, which wraps around where its end is before its beginning."""
    first, last, step = chance.randint(low, high), chance.randint(low, high), chance.choice([1, 1, 2, 5])
    numbers = range(first, last + 1) if first <= last else [*range(first, high + 1), *range(low, last + 1)]
    return Field(f"{first}-{last}/{step}", frozenset(list(numbers)[::step]))


def random_rule(chance: random.Random) -> Rule:
    while True:
        shares = {"minute": 0.04, "hour": 0.2, "day_of_week": 0.6, "day_of_month": 0.6, "month_of_year": 0.7}
        fields = {name: random_field(name, chance, share) for name, share in shares.items()}
        both = not any(fields[name].text.startswith("*") for name in ("day_of_week", "day_of_month"))
        rule = Rule(fields, either_day=both and chance.random() < 0.5)
        try:
            rule.schedule("UTC")
        except ValueError:  # a date that no year has
            continue
        return rule


# ---------------------------------------------------------------- runs


class Tally(NamedTuple):
    """How much was compared, and what differed."""

    times: int
    mismatches: list[str]


def compare(zones: Sequence[str], rules: Sequence[Rule], start: datetime, days: int) -> Iterator[Tally]:
    """Yield the outcome for each zone.

    Each rule is compared over all of the days in one of the zones, and in every zone for a day and a half on both sides of
    each change of its clocks.
    """
    for turn, zone in enumerate(zones):
        minutes = Minutes(zone, start, days)
        around = merged([(max(0, at - 2160), min(minutes.count, at + 2160)) for at in minutes.changes])
        total, mismatches = 0, []
        for number, rule in enumerate(rules):
            expected, schedule = minutes.expected(rule), rule.schedule(zone)
            whole = number % len(zones) == turn
            for first, last in [(0, minutes.count)] if whole else around:
                right = minutes.times(expected, first, last)
                found = computed(schedule, start + first * MINUTE, start + last * MINUTE)
                total += len(right)
                if found != right:
                    wrong = sorted(set(found).symmetric_difference(right)) or found
                    mismatches.append(f"{zone} {schedule!r}: {wrong[0]:%Y-%m-%d %H:%M}, {len(wrong)} in all")
        yield Tally(total, mismatches)


def merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans of minutes without overlaps."""
    joined: list[tuple[int, int]] = []
    for first, last in spans:
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.schedules_oracle", description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--zones", type=int, default=50)
    parser.add_argument("--crontabs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--start", type=datetime.fromisoformat, default=datetime(2011, 6, 1, tzinfo=UTC), help="the first day, in UTC"
    )
    given = parser.parse_args()
    chance = random.Random(given.seed)
    others = chance.sample(sorted(available_timezones() - set(NAMED)), max(0, given.zones - len(NAMED)))
    zones = [*NAMED, *others][: given.zones]
    rules = [random_rule(chance) for _ in range(given.crontabs)]
    total = wrong = 0
    for zone, tally in zip(zones, compare(zones, rules, given.start.replace(tzinfo=UTC), given.days), strict=True):
        total, wrong = total + tally.times, wrong + len(tally.mismatches)
        print(f"{zone}: {tally.times} times", *tally.mismatches[:5], sep="\n  ", flush=True)  # noqa: T201 - a program's output
    print(f"{len(zones)} zones, {len(rules)} crontabs, {given.days} days: {total} times compared, {wrong} mismatches")  # noqa: T201 - a program's output
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
