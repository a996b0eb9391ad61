from __future__ import annotations

import pytest

from celeriac import states
from celeriac.engine.job import CELERY_NAMES, DJANGO_NAMES, LIVE, TERMINAL, TRANSITIONS, State, celery_name


def test_every_state_has_a_row_in_every_table() -> None:
    for table in (TRANSITIONS, CELERY_NAMES, DJANGO_NAMES):
        assert set(table) == set(State)


def test_a_terminal_state_is_never_left() -> None:
    assert all(not TRANSITIONS[state] for state in TERMINAL)


def test_a_job_is_live_ended_or_parked() -> None:
    assert set(State) == LIVE | TERMINAL | {State.PARKED}
    assert not LIVE & TERMINAL


def test_from_every_live_state_an_end_can_be_reached() -> None:
    for state in LIVE | {State.PARKED}:
        reached, front = set(), {state}
        while front:
            reached |= front
            front = {after for before in front for after in TRANSITIONS[before]} - reached
        assert reached & TERMINAL


def test_terminal_states_are_those_that_celery_calls_ready() -> None:
    assert {CELERY_NAMES[state] for state in TERMINAL} == states.READY_STATES


def test_a_scheduled_job_that_was_tried_is_called_retry() -> None:
    assert celery_name(State.SCHEDULED, 1) == states.RETRY
    assert celery_name(State.SCHEDULED, 0) == states.PENDING


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (states.PENDING, states.RETRY),
        (states.PENDING, states.STARTED),
        (states.STARTED, states.REVOKED),
        (states.REVOKED, states.FAILURE),
        (states.FAILURE, states.SUCCESS),
        (states.PENDING, "PROGRESS"),
        ("PROGRESS", states.SUCCESS),
    ],
)
def test_states_compare_by_how_final_they_are(earlier: str, later: str) -> None:
    assert states.state(later) > states.state(earlier)
    assert states.state(earlier) < states.state(later)
    assert states.state(later) >= states.state(later)
    assert states.state(later) <= states.state(later)


def test_sets_are_celerys() -> None:
    assert {states.RETRY, states.FAILURE, states.REVOKED} == states.EXCEPTION_STATES
    assert {states.FAILURE, states.REVOKED} == states.PROPAGATE_STATES
    assert not states.READY_STATES & states.UNREADY_STATES
