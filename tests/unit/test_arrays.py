from __future__ import annotations

import pytest

from celeriac.engine.brokers.sql import arrays


@pytest.mark.parametrize(
    ("values", "literal"),
    [
        ([], "{}"),
        ([""], '{""}'),
        (["a", "b,{}"], '{"a","b,{}"}'),
        (["a", None], '{"a",NULL}'),
        (['say "yes"', "b"], '{"say \\"yes\\"","b"}'),
        (['","'], '{"\\",\\""}'),
        (["c:\\temp", "b"], '{"c:\\\\temp","b"}'),
        (['"', None], '{"\\"",NULL}'),
        (["a\0b", "c"], '{"a\0b","c"}'),  # which PostgreSQL then refuses, rather than taking it for two
    ],
)
def test_texts_are_quoted_and_what_would_end_the_quotes_is_escaped(values: list[str | None], literal: str) -> None:
    assert arrays.texts(values) == literal
