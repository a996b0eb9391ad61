"""Values that are not everybody's business: those whose name sounds like a password, a token, a card."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

HIDDEN = "********"


class Argument(NamedTuple):
    """One argument of a call as it is shown."""

    name: str
    value: Any


class Redaction:
    """Hides the values whose names match a pattern, in whatever they are nested."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern, re.IGNORECASE)

    def hides(self, name: object) -> bool:
        """Return whether what has this name is hidden."""
        return isinstance(name, str) and self._pattern.search(name) is not None

    def value(self, value: Any, name: object = None) -> Any:
        """Return a value as it may be shown."""
        if self.hides(name):
            return HIDDEN
        if isinstance(value, Mapping):
            return {key: self.value(item, key) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


OPEN = Redaction(r"(?!)")
"""Hides nothing: for who may see everything."""


def named(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Argument]:
    """Return the arguments of a call by the names of the parameters; what has no name there, by its place."""
    names = _positional(function)
    shown = [
        Argument(names[place] if place < len(names) else _rest(function, place), value) for place, value in enumerate(args)
    ]
    return shown + [Argument(name, value) for name, value in kwargs.items()]


def _parameters(function: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values()) if function is not None else []
    except (TypeError, ValueError):  # a builtin that does not tell
        return []


def _positional(function: Any) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in _parameters(function) if parameter.kind in kinds]


def _rest(function: Any, place: int) -> str:
    """Return the name of an argument beyond the parameters: ``*names 2``, or its place."""
    variadic = [parameter.name for parameter in _parameters(function) if parameter.kind is inspect.Parameter.VAR_POSITIONAL]
    return f"*{variadic[0]} {place + 1}" if variadic else str(place + 1)
