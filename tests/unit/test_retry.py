from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.engine import retry


def task(**options: Any) -> Any:
    defaults = {
        "autoretry_for": (OSError,), "dont_autoretry_for": (), "retry_kwargs": {}, "max_retries": 3, "default_retry_delay": 180,
        "retry_backoff": False, "retry_backoff_max": 600, "retry_jitter": True,
    }  # fmt: skip
    return SimpleNamespace(**{**defaults, **options})


def last(stop: int) -> int:
    return stop - 1


@pytest.mark.parametrize(("retries", "seconds"), [(0, 1), (1, 2), (2, 4), (9, 512), (10, 600), (100_000, 600)])
def test_backoff_doubles_up_to_its_maximum(retries: int, seconds: float) -> None:
    assert retry.backoff(1, retries, 600, jitter=False) == seconds


@given(st.integers(1, 100), st.integers(0, 10_000), st.integers(1, 10_000))
def test_jitter_picks_between_nothing_and_the_whole_backoff(factor: int, retries: int, maximum: int) -> None:
    whole = retry.backoff(factor, retries, maximum, jitter=False)
    assert 0 <= retry.backoff(factor, retries, maximum, jitter=True) <= whole <= maximum
    assert retry.backoff(factor, retries, maximum, jitter=True, pick=last) == whole


@given(st.integers(0, 50), st.integers(0, 50))
def test_so_many_retries_are_left(most: int, done: int) -> None:
    assert retry.retries_left(most, done) is (done < most)


def test_without_a_maximum_retries_never_end() -> None:
    assert retry.retries_left(None, 10**9)


def test_only_named_exceptions_are_retried() -> None:
    assert retry.automatic_delay(task(), ValueError(), 0) is retry.NEVER
    assert retry.automatic_delay(task(), ConnectionError(), 0) == 180


def test_an_exception_taken_out_is_not_retried() -> None:
    assert retry.automatic_delay(task(dont_autoretry_for=(ConnectionError,)), ConnectionError(), 0) is retry.NEVER


def test_the_last_allowed_retry_is_the_last() -> None:
    assert retry.automatic_delay(task(max_retries=2), OSError(), 1) == 180
    assert retry.automatic_delay(task(max_retries=2), OSError(), 2) is retry.NEVER


def test_retry_kwargs_win_over_the_tasks_own() -> None:
    options = {"max_retries": 5, "countdown": 7}
    assert retry.automatic_delay(task(max_retries=0, retry_kwargs=options), OSError(), 4) == 7
    assert retry.automatic_delay(task(retry_kwargs=options), OSError(), 5) is retry.NEVER


def test_backoff_wins_over_a_countdown_as_in_celery() -> None:
    assert retry.automatic_delay(task(retry_backoff=True, retry_jitter=False, retry_kwargs={"countdown": 7}), OSError(), 2) == 4


@pytest.mark.parametrize(("factor", "seconds"), [(True, 2), (1.5, 2), (3, 6), (0.1, 2)])
def test_a_backoff_factor_is_a_whole_number_of_at_least_one(factor: float, seconds: float) -> None:
    assert retry.automatic_delay(task(retry_backoff=factor, retry_jitter=False), OSError(), 1) == seconds
