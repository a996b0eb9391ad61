"""Whether arguments fit a function, decided at the call rather than in the worker."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from celeriac.engine.translation import gettext as _

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class ArgumentCheck:
    """The parameters of one function, read once. The usual calls are decided by counting, without ``Signature.bind``."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._name = name
        try:
            self.signature: inspect.Signature | None = inspect.signature(function)
        except (TypeError, ValueError):  # a builtin that does not tell
            self.signature = None
        parameters = self.signature.parameters.values() if self.signature else ()
        positional = [parameter for parameter in parameters if parameter.kind in _POSITIONAL]
        needs_keywords = any(p.kind is inspect.Parameter.KEYWORD_ONLY and p.default is p.empty for p in parameters)
        names = [parameter.name for parameter in positional]
        self._filled = [frozenset(names[:count]) for count in range(len(names) + 1)]
        self._by_name = frozenset(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        self._required = frozenset(p.name for p in parameters if p.default is p.empty and p.kind not in variadic)
        self._most = len(positional) if not any(p.kind is p.VAR_POSITIONAL for p in parameters) else 1_000_000
        self._least = 1_000_001 if needs_keywords else sum(parameter.default is parameter.empty for parameter in positional)

    def __call__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise ``TypeError``, in Python's words, where the function could not be called so."""
        if not kwargs and self._least <= len(args) <= self._most:
            return
        if self.signature is None or (kwargs and self._fits(len(args), kwargs.keys())):
            return
        try:
            self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(
                _("{name}{signature} cannot be called so: {error}").format(
                    name=self._name, signature=self.signature, error=error
                )
            ) from None

    def _fits(self, count: int, names: AbstractSet[str]) -> bool:
        """Return whether the usual call with keywords is fine; False where only ``Signature.bind`` can tell."""
        if count >= len(self._filled) or not names <= self._by_name:
            return False
        filled = self._filled[count]
        return filled.isdisjoint(names) and self._required <= filled | names


def takes_only_one(function: Callable[..., Any]) -> bool:
    """Return whether a function has exactly one positional parameter: an error callback of Celery's old style."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return False
    return sum(parameter.kind in _POSITIONAL for parameter in parameters) == 1
