"""How long a child in a stream of jobs waits for the next few."""

from __future__ import annotations

import pytest

from celeriac.engine.job import Job
from celeriac.engine.worker.gathering import LONGEST, SHARE, STREAM, Gathering
from celeriac.testing.clock import FakeClock

WANTED = 50


@pytest.fixture
def gathering(clock: FakeClock) -> Gathering:
    return Gathering(clock)


def jobs(number: int, parent: str | None = None) -> list[Job]:
    return [Job(id=f"job-{nth}", task="t", queue="q", payload=b"", parent=parent) for nth in range(number)]


def waits(gathering: Gathering, clock: FakeClock, claims: list[list[Job]], seconds: float = 0.001) -> list[float]:
    """Return how long the child is to wait after each of these claims, which take so many seconds."""
    found = []
    for claim in claims:
        gathering.begin()
        clock.advance(seconds)
        gathering.claimed(claim, WANTED)
        found.append(round(max(0.0, gathering.left()), 6))
    return found


def test_nobody_waits_before_the_first_claim(gathering: Gathering) -> None:
    assert gathering.left() == 0.0


def test_a_stream_is_waited_for_as_a_multiple_of_what_a_claim_takes(gathering: Gathering, clock: FakeClock) -> None:
    assert waits(gathering, clock, [jobs(1)] * (STREAM + 1)) == [*[0.0] * (STREAM - 1), SHARE * 0.001, SHARE * 0.001]


def test_however_slow_the_claims_are_the_wait_is_short(gathering: Gathering, clock: FakeClock) -> None:
    assert waits(gathering, clock, [jobs(1)] * STREAM, seconds=3.0)[-1] == LONGEST


def test_jobs_that_come_one_at_a_time_wait_for_nothing(gathering: Gathering, clock: FakeClock) -> None:
    assert waits(gathering, clock, [jobs(1), []] * STREAM) == [0.0] * 2 * STREAM


def test_nobody_waits_where_more_jobs_are_there_than_were_claimed(gathering: Gathering, clock: FakeClock) -> None:
    assert waits(gathering, clock, [jobs(WANTED)] * 2 * STREAM) == [0.0] * 2 * STREAM


def test_the_steps_of_a_workflow_wait_for_nothing(gathering: Gathering, clock: FakeClock) -> None:
    assert waits(gathering, clock, [jobs(1, parent="step")] * 2 * STREAM) == [0.0] * 2 * STREAM


def test_the_time_that_bodies_take_is_part_of_the_wait(gathering: Gathering, clock: FakeClock) -> None:
    waits(gathering, clock, [jobs(1)] * STREAM)
    clock.advance(SHARE * 0.001 + 0.001)
    assert gathering.left() < 0
