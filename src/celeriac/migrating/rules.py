"""Advice that depends on a value: a rule is looked up by name, and holds for some of the values written there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from celeriac.conf import results
from celeriac.conf.brokers import broker_url
from celeriac.conf.serializers import says_json
from celeriac.engine.brokers.factory import SCHEMES
from celeriac.migrating.finding import Advice
from celeriac.migrating.values import UNKNOWN


class Rule(NamedTuple):
    """Advice that holds for some values of a setting or an option."""

    when: Callable[[Any], bool]
    advice: Advice


def anything(value: Any) -> bool:
    """Any value."""
    return True


def truthy(value: Any) -> bool:
    """A value that says yes, or holds something, as far as the text tells."""
    return value is UNKNOWN or bool(value)


def among(*values: Any) -> Callable[[Any], bool]:
    """One of these values."""
    return lambda value: any(value is known or (type(value) is type(known) and value == known) for known in values)


def not_json(value: Any) -> bool:
    """The name of a serializer that is not JSON."""
    return isinstance(value, str) and not says_json(value)


def elsewhere(value: Any) -> bool:
    """A URL, or several, of a broker of Celery's that this version does not have: it means the project's database."""
    return isinstance(value, str | list) and value not in ("", []) and value != broker_url(value)


def nowhere(value: Any) -> bool:
    """A URL that is no broker's."""
    return isinstance(value, str) and bool(value) and broker_url(value).partition(":")[0] not in SCHEMES


def no_backend(value: Any) -> bool:
    """A place for results that nobody has."""
    return isinstance(value, str) and bool(value) and not results.is_known(value)


def needless_backend(value: Any) -> bool:
    """A place for results that the caller alone reads: where results are without it does as well."""
    return isinstance(value, str) and results.is_with_its_job(value)


def other_backend(value: Any) -> bool:
    """A place for results that Celery has, and this version has not."""
    return isinstance(value, str) and results.is_known(value) and not results.is_here(value)


def backend_elsewhere(value: Any) -> bool:
    """A place for results that may be elsewhere than the broker."""
    return isinstance(value, str) and results.is_here(value) and value not in results.DISABLED


def advice_for(rules: tuple[Rule, ...], value: Any) -> Advice | None:
    """Return the advice of the first rule that the value meets."""
    return next((rule.advice for rule in rules if rule.when(value)), None)


def longest(table: Mapping[str, Advice], name: str) -> Advice | None:
    """Return the advice of the longest key that the dotted name begins with."""
    while name:
        if name in table:
            return table[name]
        name = name.rpartition(".")[0]
    return None
