"""Whether arguments fit a function, decided at the call rather than in the worker."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from celeriac.engine.errors import did_you_mean
from celeriac.engine.translation import gettext as _

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Misfit(TypeError):
    """Arguments that a function does not take. ``argument`` names the one that is wrong; empty where there are too many."""

    def __init__(self, text: str, argument: str = "") -> None:
        super().__init__(text)
        self.argument = argument


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
        self._required = frozenset(p.name for p in parameters if p.default is p.empty and p.kind not in _REST)
        self._most = len(positional) if not any(p.kind is p.VAR_POSITIONAL for p in parameters) else 1_000_000
        self._least = 1_000_001 if needs_keywords else sum(parameter.default is parameter.empty for parameter in positional)

    def __call__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise ``Misfit``, which is a ``TypeError``, where the function could not be called so."""
        if not kwargs and self._least <= len(args) <= self._most:
            return
        if self.signature is None or (kwargs and self._fits(len(args), kwargs.keys())):
            return
        try:
            self.signature.bind(*args, **kwargs)
        except TypeError as error:
            argument, reason = _reason(self.signature, len(args), kwargs) or ("", str(error))
            text = _("{name}{signature} cannot be called so: {error}")
            raise Misfit(text.format(name=self._name, signature=self.signature, error=reason), argument) from None

    def _fits(self, count: int, names: AbstractSet[str]) -> bool:
        """Return whether the usual call with keywords is fine; False where only ``Signature.bind`` can tell."""
        if count >= len(self._filled) or not names <= self._by_name:
            return False
        filled = self._filled[count]
        return filled.isdisjoint(names) and self._required <= filled | names


def _reason(signature: inspect.Signature, count: int, names: Iterable[str]) -> tuple[str, str] | None:
    """Return which argument of a refused call is wrong, and why: Python says it in English only."""
    parameters = signature.parameters.values()
    filled = [p.name for p in parameters if p.kind in _POSITIONAL][:count]
    by_name = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    given = [*filled, *by_name.intersection(names)]
    missing = next((p.name for p in parameters if p.default is p.empty and p.kind not in _REST and p.name not in given), None)
    if count > len(filled) and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        text = _("there are too many arguments by position, {count} instead of {most} at most.")
        return "", text.format(count=count, most=len(filled))
    if twice := next((name for name in names if name in by_name and name in filled), None):
        return twice, _("the argument {name!r} is given twice, by position and by name.").format(name=twice)
    strange = next((name for name in names if name not in by_name), None)
    if strange is not None and not any(p.kind is p.VAR_KEYWORD for p in parameters):
        return strange, _refused_name(signature, strange, by_name)
    return None if missing is None else (missing, _("the argument {name!r} is missing.").format(name=missing))


def _refused_name(signature: inspect.Signature, name: str, known: Iterable[str]) -> str:
    if name in signature.parameters and signature.parameters[name].kind is inspect.Parameter.POSITIONAL_ONLY:
        return _("the argument {name!r} is taken by position only, not by name.").format(name=name)
    return _("there is no argument {name!r}.{hint}").format(name=name, hint=did_you_mean(name, known))


def takes_only_one(function: Callable[..., Any]) -> bool:
    """Return whether a function has exactly one positional parameter: an error callback of Celery's old style."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return False
    return sum(parameter.kind in _POSITIONAL for parameter in parameters) == 1
