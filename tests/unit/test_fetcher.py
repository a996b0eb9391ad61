"""How many jobs a child asks for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.engine.worker.fetcher import LOOK_AHEAD, MOST, Fetcher


def sizes(fetcher: Fetcher, seconds: float, claims: int) -> list[int]:
    """Return the sizes of so many claims, each run at ``seconds`` a job."""
    asked = []
    for _ in range(claims):
        asked.append(fetcher.look_ahead())
        fetcher.ran(asked[-1], asked[-1] * seconds)
    return asked


def test_the_first_claim_is_one_job() -> None:
    assert Fetcher().look_ahead() == 1


def test_fast_jobs_are_asked_for_in_claims_that_grow_fourfold_up_to_the_most() -> None:
    asked = sizes(Fetcher(), 1e-6, 30)
    assert asked[0] == 1
    assert all(later <= 4 * before for before, later in itertools.pairwise(asked))
    assert asked[-1] == MOST


def test_one_fast_batch_does_not_multiply_the_next_by_more_than_four() -> None:
    fetcher = Fetcher()
    for _ in range(30):
        fetcher.ran(1, 0.0)
    assert [fetcher.look_ahead() for _ in range(6)] == [4, 16, 64, 256, MOST, MOST]


def test_slow_jobs_shrink_the_next_claim_to_one() -> None:
    fetcher = Fetcher()
    assert sizes(fetcher, 1e-6, 30)[-1] == MOST
    fetcher.ran(1, 1.0)
    assert fetcher.look_ahead() == 1


def test_after_slow_jobs_it_grows_step_by_step_again() -> None:
    fetcher = Fetcher()
    sizes(fetcher, 1e-6, 30)
    fetcher.ran(1, 10 * LOOK_AHEAD)
    assert fetcher.look_ahead() == 1
    for _ in range(40):
        fetcher.ran(1, 1e-6)
    assert [fetcher.look_ahead(), fetcher.look_ahead()] == [4, 16]


def test_a_claim_settles_at_as_much_work_as_the_look_ahead() -> None:
    assert sizes(Fetcher(), LOOK_AHEAD / 10.5, 40)[-5:] == [10] * 5


def test_a_round_in_which_nothing_ran_changes_little_and_breaks_nothing() -> None:
    fetcher = Fetcher()
    fetcher.ran(0, 0.0)
    assert 1 <= fetcher.look_ahead() <= 4


@pytest.mark.parametrize("most", [1, 7])
def test_it_never_asks_for_more_than_it_may(most: int) -> None:
    assert max(sizes(Fetcher(most), 1e-6, 30)) == most


@given(st.lists(st.tuples(st.integers(0, MOST), st.floats(0, 100)), max_size=30))
def test_whatever_ran_a_claim_is_from_one_to_the_most_and_at_most_four_times_the_last(ran: list[tuple[int, float]]) -> None:
    fetcher, before = Fetcher(), 1
    for jobs, seconds in ran:
        fetcher.ran(jobs, seconds)
        asked = fetcher.look_ahead()
        assert 1 <= asked <= min(4 * before, MOST)
        before = asked
