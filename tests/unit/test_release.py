"""Nobody waits behind a long job: what its child has not begun goes back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.ipc.slots import SlotTable, SlotWriter
from celeriac.engine.job import Job, State, Token
from celeriac.engine.keeper.release import SLOW, Release
from celeriac.testing.clock import FakeClock
from celeriac.testing.conformance.scenario import QUEUE, a_child, an_outcome, some_jobs, state_of

MAIN = 0


class Watched(MemoryBroker):
    """Remembers what was begun; something may happen just as the keeper asks what a child holds."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.begun: list[Token] = []

    def begin(self, tokens: object, once: bool = False) -> set[Token]:
        self.begun += tokens  # type: ignore[arg-type]  # a stand-in with the one method that is called
        return super().begin(tokens, once)  # type: ignore[arg-type]  # a stand-in with the one method that is called

    def held(self, child: str) -> set[Token]:
        found = super().held(child)
        self.meanwhile()
        return found


class Bench:
    """A keeper's view of one child that has claimed some jobs. ``room`` is how many bodies it runs at once."""

    def __init__(self, clock: FakeClock, room: int = 200) -> None:
        self.clock = clock
        self.broker = Watched(clock)
        self.table = SlotTable.create(1)
        self.slot: SlotWriter = self.table.writer(0)
        self.child = a_child(self.broker)
        self.release = Release(self.broker, self.table, clock, room)

    def claim(self, number: int) -> list[Job]:
        self.broker.push(some_jobs(number))
        return self.broker.claim([QUEUE], number, self.child)

    def run(self, job: Job, entry: int = MAIN) -> None:
        self.slot.set(entry, job.number, job.delivery, self.clock.monotonic(), 0.0)

    def look(self) -> int:
        return self.release.look({self.child: 0})

    def states(self, jobs: list[Job]) -> list[State]:
        return [state_of(self.broker, job) for job in jobs]


@pytest.fixture
def bench(clock: FakeClock) -> Bench:
    return Bench(clock)


def test_while_jobs_are_quick_nothing_goes_back(bench: Bench, clock: FakeClock) -> None:
    jobs = bench.claim(3)
    bench.run(jobs[0])
    clock.advance(SLOW - 0.001)
    assert bench.look() == 0
    assert bench.states(jobs) == [State.RUNNING] * 3
    assert bench.broker.begun == []


def test_the_neighbours_of_a_slow_job_go_back_and_it_is_begun_itself(bench: Bench, clock: FakeClock) -> None:
    jobs = bench.claim(3)
    bench.run(jobs[0])
    clock.advance(SLOW + 0.001)
    assert bench.look() == 2
    assert bench.states(jobs) == [State.RUNNING, State.WAITING, State.WAITING]
    assert bench.broker.begun == [jobs[0].token]
    assert bench.broker.held(bench.child) == {jobs[0].token}


def test_a_slow_job_is_begun_at_the_broker_once(bench: Bench, clock: FakeClock) -> None:
    [job] = bench.claim(1)
    bench.run(job)
    clock.advance(1)
    assert [bench.look(), bench.look(), bench.look()] == [0, 0, 0]
    assert bench.broker.begun == [job.token]


def test_the_next_slow_job_of_the_same_child_is_seen_too(bench: Bench, clock: FakeClock) -> None:
    first = bench.claim(2)
    bench.run(first[0])
    clock.advance(1)
    assert bench.look() == 1
    bench.broker.settle([an_outcome(first[0])])
    [again, second] = bench.claim(1) + bench.broker.claim([QUEUE], 1, bench.child)
    bench.run(again)
    clock.advance(1)
    assert bench.look() == 1
    assert bench.states([again, second]) == [State.RUNNING, State.WAITING]


def test_what_is_begun_stays(bench: Bench, clock: FakeClock) -> None:
    slow, once, waiting = bench.claim(3)
    bench.broker.begin([once.token], once=True)
    bench.run(slow)
    clock.advance(1)
    assert bench.look() == 1
    assert bench.states([slow, once, waiting]) == [State.RUNNING, State.RUNNING, State.WAITING]


def test_a_body_that_runs_beside_the_slow_one_stays(bench: Bench, clock: FakeClock) -> None:
    slow, coroutine, waiting = bench.claim(3)
    bench.run(slow)
    clock.advance(1)
    bench.run(coroutine, entry=1)
    assert bench.look() == 1
    assert bench.states([slow, coroutine, waiting]) == [State.RUNNING, State.RUNNING, State.WAITING]


def test_what_has_ended_and_is_not_settled_yet_stays(bench: Bench, clock: FakeClock) -> None:
    ended, slow, waiting = bench.claim(3)
    bench.slot.end(ended.number, ended.delivery)
    bench.run(slow)
    clock.advance(1)
    assert bench.look() == 1
    assert bench.states([ended, slow, waiting]) == [State.RUNNING, State.RUNNING, State.WAITING]


def test_an_earlier_delivery_that_ended_there_does_not_keep_a_later_one(bench: Bench, clock: FakeClock) -> None:
    slow, waiting = bench.claim(2)
    bench.slot.end(waiting.number, waiting.delivery - 1)
    bench.run(slow)
    clock.advance(1)
    assert bench.look() == 1


def test_nothing_goes_back_when_the_slow_job_ended_meanwhile(bench: Bench, clock: FakeClock) -> None:
    jobs = bench.claim(3)
    bench.run(jobs[0])
    clock.advance(1)
    bench.broker.meanwhile = lambda: bench.slot.clear(MAIN)
    assert bench.look() == 0
    assert bench.states(jobs) == [State.RUNNING] * 3


def test_nothing_goes_back_when_the_child_runs_the_next_job_meanwhile(bench: Bench, clock: FakeClock) -> None:
    jobs = bench.claim(3)
    bench.run(jobs[0])
    clock.advance(1)
    bench.broker.meanwhile = lambda: bench.run(jobs[1])
    assert bench.look() == 0
    assert bench.states(jobs) == [State.RUNNING] * 3


def test_a_slow_coroutine_blocks_nobody_while_there_is_room_for_others(bench: Bench, clock: FakeClock) -> None:
    slow, waiting = bench.claim(2)
    bench.run(slow, entry=1)
    clock.advance(1)
    assert bench.look() == 0
    assert bench.states([slow, waiting]) == [State.RUNNING, State.RUNNING]
    assert bench.broker.begun == [slow.token]


def test_a_pool_whose_threads_are_all_busy_gives_back_what_waits_behind_them(clock: FakeClock) -> None:
    bench = Bench(clock, room=2)
    one, two, waiting = bench.claim(3)
    bench.run(one, entry=1)
    bench.run(two, entry=2)
    clock.advance(1)
    assert bench.look() == 1
    assert bench.states([one, two, waiting]) == [State.RUNNING, State.RUNNING, State.WAITING]


def test_each_child_is_looked_at_in_its_own_slot(clock: FakeClock) -> None:
    broker, table = Watched(clock), SlotTable.create(2)
    release = Release(broker, table, clock, 200)
    slow, quick = a_child(broker), a_child(broker)
    broker.push(some_jobs(4))
    of_slow, of_quick = broker.claim([QUEUE], 2, slow), broker.claim([QUEUE], 2, quick)
    table.writer(0).set(0, of_slow[0].number, of_slow[0].delivery, clock.monotonic(), 0.0)
    clock.advance(1)
    table.writer(1).set(0, of_quick[0].number, of_quick[0].delivery, clock.monotonic(), 0.0)
    assert release.look({slow: 0, quick: 1}) == 1
    assert broker.held(quick) == {job.token for job in of_quick}
