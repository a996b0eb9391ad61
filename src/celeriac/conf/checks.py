"""What a setting's value may be: functions that return the value to keep, or raise ``ValueError`` saying what is expected."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _
from celeriac.rates import seconds_apart

Check = Callable[[Any], Any]

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


def anything(value: Any) -> Any:
    """Any value is fine."""
    return value


def text(value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(_("a text that is not empty"))
    return value


def boolean(value: Any) -> bool:
    """True or False, also as the environment spells them."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    elif isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise ValueError(_("True or False"))


def whole(least: int, most: int | None = None) -> Check:
    """A whole number in a range."""

    def expected() -> str:
        text = _("a whole number from {least} up") if most is None else _("a whole number from {least} to {most}")
        return text.format(least=least, most=most)

    def check(value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise ValueError(expected()) from None
        if isinstance(value, bool) or number != float(value) or number < least or (most is not None and number > most):
            raise ValueError(expected())
        return number

    return check


def seconds(least: float = 0.0) -> Check:
    """A duration: a number of seconds or a ``timedelta``."""

    def expected() -> str:
        return _("a number of seconds, {least:g} or more, or a timedelta").format(least=least)

    def check(value: Any) -> float:
        try:
            number = value.total_seconds() if isinstance(value, timedelta) else float(value)
        except (TypeError, ValueError):
            raise ValueError(expected()) from None
        if isinstance(value, bool) or not least <= number < float("inf"):
            raise ValueError(expected())
        return number

    return check


def optional(check: Check) -> Check:
    """None, or what ``check`` takes."""

    def checked(value: Any) -> Any:
        return None if value is None else check(value)

    return checked


def none_if_false(check: Check) -> Check:
    """None and False, which both say no, or what ``check`` takes."""

    def checked(value: Any) -> Any:
        return None if value is None or value is False else check(value)

    return checked


def none_if_zero(check: Check) -> Check:
    """Celery's settings in which 0 means the same as None: no limit."""

    def checked(value: Any) -> Any:
        return None if value is None or (not isinstance(value, bool) and value == 0) else check(value)

    return checked


def concurrency(value: Any) -> int | None:
    """A number of slots; None and ``"auto"`` are the number of CPUs."""
    return None if value in (None, 0, "auto") else int(whole(1)(value))


def one_of(words: Iterable[str]) -> Check:
    """One of a few words."""
    known = tuple(words)

    def check(value: Any) -> str:
        if value not in known:
            hint = did_you_mean(str(value), known)
            text = _("one of {known}.{hint}") if hint else _("one of {known}")
            raise ValueError(text.format(known=", ".join(known), hint=hint))
        return str(value)

    return check


def log_level(value: Any) -> str:
    """The name or the number of a level of ``logging``; its name in capitals is kept."""
    known = logging.getLevelNamesMapping()
    name = logging.getLevelName(value) if isinstance(value, int) and not isinstance(value, bool) else str(value).upper()
    if name not in known:
        raise ValueError(f"a log level such as WARNING or INFO.{did_you_mean(name, known)}".removesuffix("."))
    return str(name)


def names(value: Any) -> tuple[str, ...]:
    """Names, or one text in which commas separate them."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    try:
        found = tuple(value)
    except TypeError:
        raise ValueError(_("a list of names")) from None
    if not all(isinstance(name, str) for name in found):
        raise ValueError(_("a list of names"))
    return found


def secrets(value: Any) -> tuple[str, ...]:
    """Secret keys of 16 characters or more, the one in use first."""
    expected = _(
        "a list of secret texts of 16 characters or more. Make one: python -c 'import secrets;"
        " print(secrets.token_urlsafe(32))'"
    )
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(expected)
    found = tuple(value)
    if not all(isinstance(key, str) and len(key) >= 16 for key in found):
        raise ValueError(expected)
    return found


def queue_names(value: Any) -> tuple[str, ...]:
    """Queues as Celery declares them: names, ``kombu.Queue`` objects, or a dict by name. Only the names matter here."""
    if isinstance(value, str | Mapping):
        return names(value)
    try:
        found = tuple(queue if isinstance(queue, str) else queue.name for queue in value or ())
    except (TypeError, AttributeError):
        raise ValueError(_("a list of queue names or of kombu.Queue objects, or a dict by queue name")) from None
    return names(found)


def mapping(value: Any) -> dict[str, Any]:
    """A dict."""
    if not isinstance(value, Mapping):
        raise ValueError(_("a dict"))
    return dict(value)


def pattern(value: Any) -> str:
    """A regular expression."""
    try:
        re.compile(text(value))
    except (re.error, ValueError):
        raise ValueError(_("a regular expression")) from None
    return str(value)


def rate(value: Any) -> Any:
    """A rate, as it was written."""
    seconds_apart(value)
    return value


def time_zone(value: Any) -> str:
    """The name of a time zone."""
    name = str(value)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(_("the name of a time zone, such as Europe/Berlin")) from None
    return name
