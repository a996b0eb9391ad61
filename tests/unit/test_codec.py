from __future__ import annotations

import datetime as dt
import enum
import json
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.engine import codec, translation
from celeriac.engine.errors import PayloadTooLarge, ResultNotEncodable, UnreadablePayload
from celeriac.engine.outcome import Failure

LARGEST = (1 << 1000) - 1
texts = st.text(st.characters(exclude_categories=("Cs",)))
zones = st.none() | st.timezones()
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(dt.UTC))
    | st.times()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.timedeltas(dt.timedelta(days=-10_000), dt.timedelta(days=10_000))
)
keys = texts | st.sampled_from(["__type__", "__value__"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dt.timedelta):
        return abs(one - other) < dt.timedelta(microseconds=100)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


@given(st.lists(values, max_size=4), st.dictionaries(keys, values, max_size=4))
def test_arguments_come_back_as_they_were(args: list[Any], kwargs: dict[str, Any]) -> None:
    payload = codec.encode_payload("t", args, kwargs, {"ignore_result": True}, limit=10**9)
    decoded = codec.decode_payload(payload)
    assert same(decoded[0], args)
    assert same(decoded[1], kwargs)
    assert decoded[2] == {"ignore_result": True}


@given(values)
def test_a_result_comes_back_as_it_was(value: Any) -> None:
    assert same(codec.decode_result(codec.encode_result(value)), value)


@given(values)
def test_a_payload_is_json_that_anybody_can_read(value: Any) -> None:
    args, kwargs, embed = json.loads(codec.encode_payload("t", [value], {}, limit=10**9))
    assert len(args) == 1
    assert kwargs == embed == {}


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["__type__", "__value__", "hex", "a"]) | st.text(max_size=3), inner, max_size=4)
        | st.fixed_dictionaries(
            {
                "__type__": st.sampled_from(["date", "datetime", "time", "timedelta", "decimal", "uuid", "dict", "x"]),
                "__value__": inner,
            }
        )
    ),
    max_leaves=10,
)


@given(
    st.binary()
    | json_like.map(lambda value: json.dumps(value).encode())
    | json_like.map(lambda v: json.dumps([[v], {}, {}]).encode())
)
def test_whatever_the_bytes_are_reading_raises_nothing_but_unreadable_payload(payload: bytes) -> None:
    for read in (codec.decode_payload, codec.decode_result, codec.decode_failure):
        try:
            read(payload)
        except UnreadablePayload:
            continue


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"{}",
        b"[]",
        b"[[],{}]",
        b"[{},{},{}]",
        b"[[],[],{}]",
        b"[[],{},null]",
        b"[" * 100_000,
        b"\xff\xfe",
        rb'["\ud800"]',
    ],
    ids=lambda payload: repr(payload[:12]),
)
def test_a_payload_of_another_shape_is_unreadable(payload: bytes) -> None:
    with pytest.raises(UnreadablePayload):
        codec.decode_payload(payload)


def test_unknown_keys_of_a_newer_version_are_kept() -> None:
    assert codec.decode_payload(b'[[],{},{"newer": 1}]')[2] == {"newer": 1}


class Colour(enum.Enum):
    RED = "red"


class Name(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("given_value", "received"),
    [
        ((1, (2,)), [1, [2]]),
        (Colour.RED, "red"),
        (Name("x"), "x"),
        ({2: "a", None: "b", True: "c", 1.5: "d"}, {"2": "a", "null": "b", "true": "c", "1.5": "d"}),
    ],
)
def test_what_json_has_no_word_for_and_no_tag_becomes_its_nearest(given_value: Any, received: Any) -> None:
    assert codec.decode_result(codec.encode_result(given_value)) == received


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (object(), "args[0]"),
        ([1, {"a": object()}], "args[0][1]['a']"),
        ({"a": {1, 2}}, "args[0]['a']"),
        (b"bytes", "args[0]"),
        (math.nan, "args[0]"),
        (math.inf, "args[0]"),
        (1 << 1000, "args[0]"),
        ({(1, 2): 3}, "args[0]"),
        ("\ud800", "args"),
    ],
)
def test_an_argument_that_is_not_json_is_named(value: Any, place: str) -> None:
    with pytest.raises(TypeError) as caught:
        codec.encode_payload("blog.tasks.send", [value], {})
    assert str(caught.value).startswith(f"blog.tasks.send: {place}")


def test_an_argument_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="containing itself"):
        codec.encode_payload("t", [endless], {})


def test_a_broken_repr_does_not_hide_which_argument_it_was() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError

    with pytest.raises(TypeError, match=r"args\[0\]: <Broken whose repr raised ValueError>"):
        codec.encode_payload("t", [Broken()], {})


def test_a_payload_over_the_limit_is_refused_with_its_size() -> None:
    with pytest.raises(PayloadTooLarge, match=r"take 1,0\d\d bytes as JSON; the limit is 1,000"):
        codec.encode_payload("t", ["x" * 1020], {}, limit=1000)
    assert codec.encode_payload("t", ["x" * 900], {}, limit=1000)


def test_a_result_that_is_json_asks_for_no_language(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(translation, "_language", lambda: asked.append("once") or "en")
    assert codec.encode_result([1, "two"]) == b'[1,"two"]'
    assert asked == []
    with pytest.raises(ResultNotEncodable, match="The return value: "):
        codec.encode_result(object())
    assert asked


def test_a_result_that_is_not_json_says_what_to_do() -> None:
    with pytest.raises(ResultNotEncodable, match="ignore_result=True"):
        codec.encode_result({"model": object()})


def test_tags_are_those_that_celery_writes() -> None:
    value = uuid.UUID(int=7)
    data = codec.encode_result([dt.date(2026, 1, 2), Decimal("1.50"), value])
    assert json.loads(data) == [
        {"__type__": "date", "__value__": "2026-01-02"},
        {"__type__": "decimal", "__value__": "1.50"},
        {"__type__": "uuid", "__value__": {"hex": value.hex}},
    ]


def test_headers_are_plain_json_without_tags() -> None:
    assert codec.plain_headers("t", {"a": (1, 2)}) == {"a": [1, 2]}
    for headers in ({"when": dt.date(2026, 1, 1)}, ["a"], {"x": object()}):
        with pytest.raises(TypeError, match="t: headers"):
            codec.plain_headers("t", headers)


def test_a_failure_comes_back_without_its_traceback() -> None:
    failure = Failure(type="ValueError", module="builtins", message="x", traceback="Traceback ...", arguments=["x", 1])
    assert codec.decode_failure(codec.encode_failure(failure)) == Failure(
        type="ValueError", module="builtins", message="x", arguments=["x", 1]
    )


def test_what_json_cannot_hold_of_an_exception_is_shown_as_text() -> None:
    assert codec.json_or_repr({"a": 1}) == {"a": 1}
    assert codec.json_or_repr({1, 2}) == "{1, 2}"
