"""Arguments and results as JSON, and back. JSON only: nothing that is decoded here can name code to run.

Types that JSON has no word for travel tagged, in the form kombu 5.3 and later uses: ``{"__type__": "date", "__value__": ...}``.
The set of tags is closed.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from math import isfinite
from types import NoneType
from typing import Any

import msgspec

from celeriac.engine.errors import PayloadTooLarge, ResultNotEncodable, UnreadablePayload
from celeriac.engine.outcome import Failure
from celeriac.engine.signing import unsigned
from celeriac.engine.translation import gettext as _
from celeriac.engine.translation import gettext_noop

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_decode_failure = msgspec.json.Decoder(Failure).decode

_AS_IS = frozenset({str, bool, NoneType})
_UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)
"""What reading bytes of anybody's making may raise: text that is not JSON, or tags with other values than ours."""
_LARGEST_INT = 1 << 1000  # what every JSON reader of ours takes back; larger ones are a mistake more often than a number

_WRITERS: Mapping[type, tuple[str, Callable[[Any], Any]]] = {
    dt.datetime: ("datetime", dt.datetime.isoformat),
    dt.date: ("date", dt.date.isoformat),
    dt.time: ("time", dt.time.isoformat),
    dt.timedelta: ("timedelta", dt.timedelta.total_seconds),
    Decimal: ("decimal", str),
    uuid.UUID: ("uuid", lambda value: {"hex": value.hex}),
}

_READERS: Mapping[str, Callable[[Any], Any]] = {
    "datetime": dt.datetime.fromisoformat,
    "date": lambda value: dt.date.fromisoformat(value[:10]),
    "time": dt.time.fromisoformat,
    "timedelta": lambda value: dt.timedelta(seconds=value),
    "decimal": Decimal,
    "uuid": lambda value: uuid.UUID(value["hex"]),
    "dict": lambda value: {key: _untag(item) for key, item in value.items()},
}


class _NotPlain(Exception):
    """Something inside a value is not JSON; ``path`` grows on the way up, innermost first."""

    def __init__(self, value: object, why: str) -> None:
        super().__init__(why)
        self.value = value
        self.path: list[str] = []


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in _AS_IS:
        return value
    if kind is int:
        if -_LARGEST_INT < value < _LARGEST_INT:
            return value
        raise _NotPlain(_("an integer of over 300 digits"), _("is too large"))
    if kind is float:
        if isfinite(value):
            return value
        raise _NotPlain(value, _("is not a number that JSON can hold"))
    if kind is list or kind is tuple:
        return _plain_items(value)
    if kind is dict:
        return _plain_dict(value)
    return _plain_other(value)


def _plain_items(items: Sequence[Any]) -> list[Any]:
    plain = []
    for index, item in enumerate(items):
        try:
            kind = type(item)
            small = kind in _AS_IS or (kind is int and -_LARGEST_INT < item < _LARGEST_INT)  # most are, and a call costs more
            plain.append(item if small else _plain(item))
        except _NotPlain as problem:
            problem.path.append(f"[{index}]")
            raise
    return plain


def _plain_dict(items: Mapping[Any, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, item in items.items():
        try:
            plain[key if type(key) is str else _plain_key(key)] = item if type(item) in _AS_IS else _plain(item)
        except _NotPlain as problem:
            problem.path.append(f"[{key!r}]")
            raise
    return {"__type__": "dict", "__value__": plain} if "__type__" in plain else plain


def _plain_key(key: object) -> str:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    if isinstance(key, int | float):
        return repr(key)
    raise _NotPlain(key, _("is not a key that JSON can hold"))


def _plain_other(value: Any) -> Any:
    for kind, (tag, write) in _WRITERS.items():
        if isinstance(value, kind):
            return {"__type__": tag, "__value__": write(value)}
    if isinstance(value, Enum):
        return _plain(value.value)
    for base in (str, int, float):
        if isinstance(value, base):
            return _plain(base(value))
    if isinstance(value, list | tuple):
        return _plain_items(value)
    if isinstance(value, Mapping):
        return _plain_dict(value)
    if type(value).__name__ == "__proxy__":  # Django's lazy translations, without importing Django here
        return str(value)
    raise _NotPlain(value, _("is not JSON"))


def _untag(value: Any) -> Any:
    if isinstance(value, list):
        return [_untag(item) for item in value]
    if not isinstance(value, dict):
        return value
    reader = _READERS.get(value.get("__type__", ""))
    if reader is not None and "__value__" in value:
        return reader(value["__value__"])
    return {key: _untag(item) for key, item in value.items()}


def _to_json(value: Any, where: str, hint: str) -> bytes:
    try:
        return _encode(_plain(value))
    except _NotPlain as problem:
        shown = problem.value if isinstance(problem.value, str) else f"{_short(problem.value)} ({type(problem.value).__name__})"
        raise TypeError(f"{_(where)}{''.join(reversed(problem.path))}: {shown} {problem}. {_(hint)}") from None
    except RecursionError:
        raise TypeError(
            _("{where}: nested too deeply, or containing itself. {hint}").format(where=_(where), hint=_(hint))
        ) from None
    except UnicodeEncodeError as error:
        raise TypeError(
            _("{where}: text that is not Unicode ({reason}). {hint}").format(where=_(where), reason=error.reason, hint=_(hint))
        ) from None


def _short(value: object) -> str:
    try:
        shown = repr(value)
    except Exception as error:  # noqa: BLE001 - a broken __repr__ must not hide the message that names the argument
        return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
    return shown if len(shown) <= 80 else shown[:77] + "..."


_ARGUMENT_HINT = gettext_noop(
    "Arguments travel as JSON (dates, decimals and UUIDs are fine): pass a model's id instead of the model."
)
_HEADER_HINT = gettext_noop("Headers are a dict of plain JSON: text, numbers, true, false, null, lists and objects of these.")
_RESULT = gettext_noop("The return value")  # translated where it is shown: a look at the language costs more than the encoding
_RESULT_HINT = gettext_noop("Results are kept as JSON: return plain data, or set ignore_result=True on the task.")


def encode_payload(
    task: str, args: Sequence[Any], kwargs: Mapping[str, Any], embed: Mapping[str, Any] | None = None, limit: int = 1_000_000
) -> bytes:
    """Return ``[args, kwargs, embed]`` as JSON bytes.

    ``embed`` holds what travels with the arguments: ``callbacks``, ``errbacks``, ``time_limit``, ``soft_time_limit``,
    ``ignore_result``. Raises ``TypeError`` naming the argument that is not JSON, ``PayloadTooLarge`` over ``limit`` bytes.
    """
    parts = (args, kwargs, embed or {})
    try:
        payload = _encode([_plain(part) if part else part for part in parts])
    except (_NotPlain, RecursionError, UnicodeEncodeError):
        for part, name in zip(parts, ("args", "kwargs", "options"), strict=True):
            _to_json(part, f"{task}: {name}", _ARGUMENT_HINT)  # says which of them it is
        raise
    if len(payload) > limit:
        raise PayloadTooLarge(task, len(payload), limit)
    return payload


def tagged(value: Any, where: str) -> Any:
    """Return ``value`` as plain JSON, with tags for what JSON has no word for.

    Raises ``TypeError``, beginning with ``where``.
    """
    return _decode(_to_json(value, where, _RESULT_HINT))


untagged = _untag
"""What ``tagged`` was given. Raises for tags that ``tagged`` did not write."""


def plain_headers(task: str, headers: Any) -> dict[str, Any]:
    """Return a call's headers as they are kept beside the job: plain JSON, without tags.

    Raises ``TypeError`` for anything else.
    """
    data = _to_json(headers, f"{task}: headers", _HEADER_HINT)
    decoded = _decode(data)
    if type(decoded) is not dict or b'"__type__"' in data:
        raise TypeError(
            _("{task}: headers is {headers}. {hint}").format(task=task, headers=_short(headers), hint=_(_HEADER_HINT))
        )
    return decoded


def decode_payload(payload: bytes) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """Return ``(args, kwargs, embed)``. Keys of ``embed`` that this version does not know are kept.

    A signature is passed over: who acts on what is read has verified it before.

    Raises ``UnreadablePayload``.
    """
    try:
        payload = unsigned(payload)
        decoded = _decode(payload)
        if b'"__type__"' in payload:
            decoded = _untag(decoded)
        args, kwargs, embed = decoded
    except _UNREADABLE as error:
        raise UnreadablePayload(_("The payload is not [args, kwargs, embed] as JSON: {error}").format(error=error)) from error
    if not (type(args) is list and type(kwargs) is dict and type(embed) is dict):
        raise UnreadablePayload(_("The payload is not [list, object, object]."))
    return args, kwargs, embed


def encode_result(value: Any) -> bytes:
    """Return a task's return value as JSON bytes. Raises ``ResultNotEncodable``."""
    try:
        return _to_json(value, _RESULT, _RESULT_HINT)
    except TypeError as error:
        raise ResultNotEncodable(str(error)) from None


def decode_result(data: bytes) -> Any:
    """Return what ``encode_result`` was given, tuples as lists. Raises ``UnreadablePayload``."""
    try:
        decoded = _decode(data)
        return _untag(decoded) if b'"__type__"' in data else decoded
    except _UNREADABLE as error:
        raise UnreadablePayload(_("The stored result is not JSON: {error}").format(error=error)) from error


def encode_failure(failure: Failure) -> bytes:
    """Return why a job failed as JSON bytes, without the traceback, which is kept with the attempt."""
    return _encode({"type": failure.type, "module": failure.module, "message": failure.message, "arguments": failure.arguments})


def decode_failure(data: bytes) -> Failure:
    """Return what ``encode_failure`` was given. Raises ``UnreadablePayload``."""
    try:
        return _decode_failure(data)
    except msgspec.MsgspecError as error:
        raise UnreadablePayload(_("The stored error is not readable: {error}").format(error=error)) from error


def json_or_repr(value: Any) -> object:
    """Return ``value`` where JSON can hold it, else its shortened ``repr``: for the arguments of an exception."""
    try:
        _to_json(value, "", "")
    except TypeError:
        return _short(value)
    return _plain(value)
