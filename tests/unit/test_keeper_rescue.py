"""What becomes of a dead child's jobs: charged where they were begun, ended where the master says so, returned otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.ipc.slots import SlotTable
from celeriac.engine.job import Job, State
from celeriac.engine.keeper.rescue import Rescue
from celeriac.testing.clock import FakeClock
from celeriac.testing.conformance.scenario import QUEUE, a_child, a_worker, known, some_jobs, state_of

LIMIT = 3


class Scene:
    """A child that has claimed some jobs, its slot, and the keeper's rescue."""

    def __init__(self, broker: MemoryBroker, clock: FakeClock) -> None:
        self.broker = broker
        self.clock = clock
        self.table = SlotTable.create(2)
        self.rescue = Rescue(broker, "fig@tree", self.table, LIMIT, clock)
        self.child = a_child(broker)

    def claim(self, number: int) -> list[Job]:
        self.broker.push(some_jobs(number))
        return self.broker.claim([QUEUE], number, self.child)

    def run(self, job: Job, entry: int = 0) -> None:
        self.table.writer(1).set(entry, job.number, job.delivery, 0.0, 0.0)

    def verdict(self, job: Job, state: State) -> dict[str, Any]:
        """What the master says after it killed a child over one job."""
        return {
            "number": job.number, "delivery": job.delivery, "started": self.clock.monotonic() - 7.0, "state": state.value,
            "type": "TimeLimitExceeded", "message": "too long",
        }  # fmt: skip

    def charges(self, *jobs: Job) -> list[int]:
        return [known(self.broker, job.id).charges for job in jobs]

    def states(self, *jobs: Job) -> list[State]:
        return [state_of(self.broker, job) for job in jobs]


@pytest.fixture
def scene(broker: MemoryBroker, clock: FakeClock) -> Scene:
    return Scene(broker, clock)


def test_what_the_slot_says_was_running_is_charged_and_its_neighbours_are_not(scene: Scene) -> None:
    running, neighbour = scene.claim(2)
    scene.run(running)
    assert scene.rescue.child(scene.child, 1) == 2
    assert scene.states(running, neighbour) == [State.WAITING, State.WAITING]
    assert scene.charges(running, neighbour) == [1, 0]


def test_the_slot_of_another_child_says_nothing_about_this_one(scene: Scene) -> None:
    [job] = scene.claim(1)
    scene.run(job)
    scene.rescue.child(scene.child, 0)
    assert scene.charges(job) == [0]


def test_an_earlier_delivery_in_the_slot_charges_nobody(scene: Scene) -> None:
    [job] = scene.claim(1)
    scene.table.writer(1).set(0, job.number, job.delivery - 1, 0.0, 0.0)
    scene.rescue.child(scene.child, 1)
    assert scene.charges(job) == [0]


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_a_job_over_which_the_child_was_killed_ends_as_the_master_says(scene: Scene, state: State) -> None:
    killed, beside, neighbour = scene.claim(3)
    scene.run(killed, 0)
    scene.run(beside, 1)
    assert scene.rescue.child(scene.child, 1, [scene.verdict(killed, state)]) == 3
    assert scene.states(killed, beside, neighbour) == [state, State.WAITING, State.WAITING]
    [attempt] = scene.broker.attempts(killed.id)
    assert attempt.failure is not None
    assert (attempt.failure.type, attempt.failure.message) == ("TimeLimitExceeded", "too long")
    for kept in (attempt, known(scene.broker, killed.id)):
        assert (kept.worker, kept.started) == ("fig@tree", pytest.approx(scene.clock.wall() - 7.0))


def test_a_kill_that_was_no_jobs_fault_charges_nobody(scene: Scene) -> None:
    running, neighbour = scene.claim(2)
    scene.run(running)
    scene.broker.begin([neighbour.token])
    scene.rescue.child(scene.child, 1, charge=False)
    assert scene.charges(running, neighbour) == [0, 0]
    assert scene.states(running, neighbour) == [State.WAITING, State.WAITING]


def test_a_job_that_killed_its_child_so_often_is_parked(scene: Scene) -> None:
    [job] = scene.claim(1)
    for death in range(1, LIMIT + 1):
        scene.run(job)
        scene.rescue.child(scene.child, 1)
        assert scene.charges(job) == [death]
        if death < LIMIT:
            scene.child = a_child(scene.broker)
            [job] = scene.broker.claim([QUEUE], 1, scene.child)
    assert scene.states(job) == [State.PARKED]


def test_a_rescue_repeated_finds_nothing(scene: Scene) -> None:
    [job] = scene.claim(1)
    scene.run(job)
    assert [scene.rescue.child(scene.child, 1), scene.rescue.child(scene.child, 1)] == [1, 0]
    assert scene.charges(job) == [1]


def test_only_workers_whose_leases_ran_out_are_taken_for_dead(scene: Scene, broker: MemoryBroker, clock: FakeClock) -> None:
    lapsed, living = a_child(broker, a_worker(broker, lease=10)), a_child(broker, a_worker(broker, lease=100))
    broker.push(some_jobs(2))
    [lost], [kept] = broker.claim([QUEUE], 1, lapsed), broker.claim([QUEUE], 1, living)
    assert scene.rescue.lapsed() == 0
    clock.advance(11)
    assert scene.rescue.lapsed() == 1
    assert scene.states(lost, kept) == [State.WAITING, State.RUNNING]
