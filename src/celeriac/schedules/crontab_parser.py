"""The text of one field of a crontab, such as ``1-5,*/15``, as the set of numbers that it means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from celeriac.engine.translation import gettext as _

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip

_PART = re.compile(r"(?P<low>\*|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\w+))?", re.ASCII)
_USUAL = (7, 12, 24, 31, 60)


class ParseException(ValueError):
    """The text of a field is not one."""


class crontab_parser:  # noqa: N801 - Celery's public name
    """Reads fields whose numbers are ``min_``, ``min_ + 1``, ...: ``max_`` of them.

    So it is ``crontab_parser(24)`` for hours and ``crontab_parser(12, 1)`` for months. ``*``, lists, ranges and steps are
    understood, ranges that wrap around (``fri-mon``), and the names of weekdays and months by three letters or more.
    """

    ParseException = ParseException

    def __init__(self, max_: int = 60, min_: int = 0) -> None:
        self.max_ = max_
        self.min_ = min_
        self.last = min_ + max_ - 1

    def parse(self, spec: str) -> set[int]:
        """Return the numbers. What is no field raises ``ParseException``, a number out of range ``ValueError``."""
        return {number for part in spec.split(",") for number in self._numbers(part.strip(), spec)}

    def _numbers(self, part: str, spec: str) -> list[int]:
        match = _PART.fullmatch(part)
        if match is None or (match["low"] == "*" and match["high"]):
            raise ParseException(
                _(
                    "{part!r} in {spec!r} is no part of a field; expected *, a number, a range a-b, or one with a step */n."
                ).format(part=part, spec=spec)
            )
        low, high, step = match["low"], match["high"], match["step"]
        if step and low != "*" and not high:
            raise ParseException(
                _("{part!r} has a step and no range; write {low}-{last}/{step}.").format(
                    part=part, low=low, last=self.last, step=step
                )
            )
        return self._range(low, high)[:: self._step(step, part)]

    def _range(self, low: str, high: str | None) -> list[int]:
        if low == "*":
            return list(range(self.min_, self.last + 1))
        first = self._number(low)
        if high is None:
            return [first]
        end = self._number(high)
        if first <= end:
            return list(range(first, end + 1))
        return [*range(first, self.last + 1), *range(self.min_, end + 1)]

    def _step(self, step: str | None, part: str) -> int:
        if step is None:
            return 1
        if not step.isdecimal() or int(step) == 0:
            raise ParseException(
                _("The step of {part!r} is {step!r}; expected a number greater than 0.").format(part=part, step=step)
            )
        return int(step)

    def _number(self, text: str) -> int:
        if not text.isdecimal():
            return self._named(text)
        number = int(text)
        if not self.min_ <= number <= self.last:
            raise ValueError(
                _("{number} is out of range: expected {first} to {last}.").format(
                    number=number, first=self.min_, last=self.last
                )
                + self._suggestion(number)
            )
        return number

    def _suggestion(self, number: int) -> str:
        if (self.max_, self.min_) == (7, 0) and number == 7:
            return " " + _("Sunday is 0.")
        count = number - self.min_ + 1
        if self.max_ + 1 == count and count in _USUAL:
            return " " + _("The first argument of crontab_parser is how many numbers there are: {count}, not {given}.").format(
                count=count, given=self.max_
            )
        return ""

    def _named(self, text: str) -> int:
        names = self._names()
        found = [number for name, number in names.items() if len(text) >= 3 and name.startswith(text.lower())]
        if not found:
            raise ValueError(
                _("{text!r} is no number{names}.").format(
                    text=text, names=_(" and no name such as {name}").format(name=next(iter(names))[:3]) if names else ""
                )
            )
        return found[0]

    def _names(self) -> Mapping[str, int]:
        if (self.max_, self.min_) == (7, 0):
            return {name: number for number, name in enumerate(WEEKDAYS)}
        if (self.max_, self.min_) == (12, 1):
            return {name: number for number, name in enumerate(MONTHS, 1)}
        return {}


class weekday_parser(crontab_parser):  # noqa: N801 - stands beside Celery's
    """Reads the weekdays of a crontab file, where Sunday is 0 and 7."""

    def __init__(self) -> None:
        super().__init__(7)

    def _number(self, text: str) -> int:
        return 0 if text == "7" else super()._number(text)

    def _range(self, low: str, high: str | None) -> list[int]:
        if high == "7":
            return [*super()._range(low, "6"), 0] if low != "7" else [0]
        return super()._range(low, high)


def joined(numbers: Iterator[int] | set[int] | frozenset[int]) -> str:
    """Return the field that lists ``numbers``."""
    return ",".join(map(str, sorted(numbers)))
