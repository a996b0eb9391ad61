"""``rate_limit`` (celery.md 1.2): what is written, what it means, and who decides. Its keeping: ``conformance/rates.py``."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac.app import Celery
from celeriac.engine.brokers.turns import next_turns
from celeriac.engine.errors import ImproperlyConfigured
from celeriac.rates import seconds_apart


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        ("10/s", 0.1), ("100/m", 0.6), ("6/h", 600.0), (4, 0.25), (0.5, 2.0), ("2", 0.5), ("1.5/m", 40.0), ("30 / m", 2.0),
        (None, 0.0), (0, 0.0), ("0/s", 0.0), ("", 0.0),
    ],
)  # fmt: skip
def test_a_rate_is_a_number_a_second_a_minute_or_an_hour(rate: Any, seconds: float) -> None:
    assert seconds_apart(rate) == pytest.approx(seconds)


@pytest.mark.parametrize("rate", ["10/d", "many", -1, "-1/s", True, "inf", "nan", [1]])
def test_what_is_no_rate_is_refused(rate: Any) -> None:
    with pytest.raises(ValueError, match='"10/s"'):
        seconds_apart(rate)


def test_a_task_without_a_rate_takes_that_of_the_settings_and_0_takes_none(app: Celery) -> None:
    app.conf.task_default_rate_limit = "2/s"
    plain, own, free = (
        app.task(name=name, **options)(lambda: None)
        for name, options in (("plain", {}), ("own", {"rate_limit": "4/s"}), ("free", {"rate_limit": 0}))
    )
    app.finalize()
    assert (plain.apart, own.apart, free.apart) == (0.5, 0.25, 0.0)
    app.conf.task_default_rate_limit = None
    assert plain.apart == 0.0


def test_a_rate_that_cannot_be_is_refused_where_it_is_written(app: Celery) -> None:
    with pytest.raises(ValueError, match="slow: rate_limit is 'often'"):
        app.task(name="slow", rate_limit="often")(lambda: None)
    with pytest.raises(ValueError, match="fine: rate_limit is 'often'"):
        app.task(name="fine")(lambda: None).rate_limit = "often"
    with pytest.raises(ValueError, match="by-class: rate_limit is '1/d'"):
        app.register_task(type("ByClass", (app.Task,), {"name": "by-class", "rate_limit": "1/d", "run": lambda self: None}))
    with pytest.raises(ImproperlyConfigured, match="task_default_rate_limit"):
        app.conf.task_default_rate_limit = "often"


def test_turns_are_evenly_spaced_and_those_that_went_by_unused_are_lost() -> None:
    assert next_turns(free=10.0, now=7.0, apart=2.0, count=3) == [10.0, 12.0, 14.0, 16.0]
    assert next_turns(free=10.0, now=100.0, apart=2.0, count=2) == [100.0, 102.0, 104.0]
