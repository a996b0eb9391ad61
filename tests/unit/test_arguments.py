from __future__ import annotations

import inspect
from typing import Any

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from celeriac.arguments import ArgumentCheck, Misfit, takes_only_one

FUNCTIONS = [
    lambda: None,
    lambda a: None,
    lambda a, b=1: None,
    lambda a, /, b, *, c=3: None,
    lambda *, c: None,
    lambda *args: None,
    lambda a, *args, c, **kwargs: None,
    lambda **kwargs: None,
    lambda a, /, **kwargs: None,
    dict,
    print,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=range(len(FUNCTIONS)))
@given(args=st.lists(st.integers(), max_size=4), kwargs=st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers()))
def test_the_check_says_what_python_would(function: Any, args: list[int], kwargs: dict[str, int]) -> None:
    try:
        inspect.signature(function).bind(*args, **kwargs)
        fits = True
    except TypeError:
        fits = False
    except ValueError:  # dict does not tell its parameters: whatever is given may fit
        fits = True
    check = ArgumentCheck("t", function)
    if fits:
        check(args, kwargs)
    else:
        with pytest.raises(TypeError, match=r"^t\(.* cannot be called so: the.* argument.*[.?]$"):
            check(args, kwargs)


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "argument", "text"),
    [
        (lambda kind, days=7: None, [], {}, "kind", "t(kind, days=7) cannot be called so: the argument 'kind' is missing."),
        (lambda kind, *, days: None, [1], {}, "days", "the argument 'days' is missing."),
        (lambda kind: None, [1, 2], {}, "", "there are too many arguments by position, 2 instead of 1 at most."),
        (lambda kind: None, [1], {"kind": 2}, "kind", "the argument 'kind' is given twice, by position and by name."),
        (lambda kind=1: None, [], {"knd": 2}, "knd", "there is no argument 'knd'. Did you mean 'kind'?"),
        (lambda kind, /: None, [], {"kind": 2}, "kind", "the argument 'kind' is taken by position only, not by name."),
    ],
)
def test_a_refusal_names_the_argument(function: Any, args: list[int], kwargs: dict[str, int], argument: str, text: str) -> None:
    with pytest.raises(Misfit) as refused:
        ArgumentCheck("t", function)(args, kwargs)
    assert str(refused.value).endswith(text)
    assert refused.value.argument == argument


def test_a_refusal_is_in_the_language_of_the_moment() -> None:
    with translation.override("zh-hans"), pytest.raises(TypeError) as refused:
        ArgumentCheck("t", lambda kind: None)([], {})
    assert str(refused.value) == "不能这样调用 t(kind)：缺少参数 'kind'。"


@pytest.mark.parametrize(
    ("function", "one"),
    [
        (lambda a: 0, True),
        (lambda a, b: 0, False),
        (lambda *a: 0, False),
        (lambda a, *, b=1: 0, True),
        (lambda: 0, False),
        (dict, False),
    ],
)
def test_an_error_callback_of_the_old_style_takes_one_argument(function: Any, one: bool) -> None:
    assert takes_only_one(function) is one
