"""The value of an expression, as far as its text says it: nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final


class Unknown:
    """A value that only running the program would tell."""

    def __repr__(self) -> str:
        return "?"


UNKNOWN: Final = Unknown()

_DEFAULTS = frozenset({"get", "getenv", "env", "config", "str", "url", "bool", "int", "list"})
"""Names of the calls that read the environment, as in ``env.str("X", default="redis://")``."""


def value_of(node: ast.expr | None, names: Mapping[str, ast.expr]) -> Any:
    """Return the value of ``node``, or ``UNKNOWN``. ``names`` are the values given to names before it.

    Of a text in which only parts are known, and of a look into the environment with a default, the known part and the default
    are taken.
    """
    return _Evaluation(names).value(node)


class _Evaluation:
    """One evaluation, which follows each name once: ``X = X + 1`` ends."""

    def __init__(self, names: Mapping[str, ast.expr]) -> None:
        self._names = dict(names)
        self._ways: dict[type[ast.expr | None], Callable[[Any], Any]] = {
            ast.Name: self._name,
            ast.List: self._several,
            ast.Tuple: self._several,
            ast.Set: self._several,
            ast.Dict: self._dict,
            ast.JoinedStr: self._joined,
            ast.UnaryOp: self._signed,
            ast.BinOp: self._computed,
            ast.BoolOp: lambda operation: self.value(operation.values[-1]),
            ast.Call: self._default,
        }

    def value(self, node: ast.expr | None) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        evaluate = self._ways.get(type(node))
        return UNKNOWN if evaluate is None else evaluate(node)

    def _name(self, node: ast.Name) -> Any:
        meant = self._names.pop(node.id, None)
        return UNKNOWN if meant is None else self.value(meant)

    def _several(self, node: ast.List | ast.Tuple | ast.Set) -> Any:
        return [self.value(element.value if isinstance(element, ast.Starred) else element) for element in node.elts]

    def _dict(self, node: ast.Dict) -> Any:
        keys = [self.value(key) for key in node.keys]
        return {str(key): self.value(value) for key, value in zip(keys, node.values, strict=True)}

    def _joined(self, node: ast.JoinedStr) -> Any:
        parts = [self.value(part) if isinstance(part, ast.Constant) else "?" for part in node.values]
        return "".join(map(str, parts))

    def _signed(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(value, int | float):
            return -value
        return not value if isinstance(node.op, ast.Not) and value is not UNKNOWN else UNKNOWN

    def _computed(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(left, str) and isinstance(node.op, ast.Mod):
            return left
        if isinstance(node.op, ast.Add) and isinstance(left, str):
            return left + (right if isinstance(right, str) else "?")
        if isinstance(node.op, ast.Add) and isinstance(left, list):
            return left + (right if isinstance(right, list) else [UNKNOWN])
        if isinstance(left, int | float) and isinstance(right, int | float) and isinstance(node.op, ast.Mult):
            return left * right
        return UNKNOWN

    def _default(self, node: ast.Call) -> Any:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called not in _DEFAULTS:
            return UNKNOWN
        named = next((keyword.value for keyword in node.keywords if keyword.arg == "default"), None)
        second = node.args[1] if len(node.args) > 1 else None
        default = self.value(named or second)
        return UNKNOWN if default is None else default


def dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` for such an expression, and an empty text for any other."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def keywords_of(call: ast.Call) -> dict[str, ast.keyword]:
    """Return the keyword arguments of a call."""
    return {keyword.arg: keyword for keyword in call.keywords if keyword.arg is not None}
