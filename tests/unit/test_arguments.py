from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.arguments import ArgumentCheck, takes_only_one

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
        with pytest.raises(TypeError, match=r"^t\("):
            check(args, kwargs)


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
