"""Records that move: ended jobs given away by one engine, and kept by another for a broker elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import pytest

from celeriac.engine.brokers.resultstore import Movable, Record
from celeriac.engine.job import Job, State
from celeriac.engine.outcome import Attempt
from celeriac.testing.conformance.scenario import (
    Engine,
    a_child,
    a_failure,
    a_job,
    a_scheduled_job,
    an_outcome,
    claim_one,
    drain,
    ended_job,
    ids,
    known,
    some_jobs,
    state_of,
)


class WholeEngine(Engine, Movable, Protocol):
    """An engine whose ended jobs can be moved, and that keeps those of others."""

    def keep(self, records: Sequence[Record]) -> set[str]:
        """As ``ResultStore.keep``."""


def a_record(id: str = "", state: State = State.SUCCEEDED, age: float = 0.0, attempts: int = 0, **fields: Any) -> Record:
    """Return the record of a job that ended ``age`` seconds ago at another broker, with some of its attempts."""
    ended = float(int(time.time())) - age
    times = {"created": ended - 2, "started": ended - 1, "finished": ended}
    job = a_job(id, state=state, attempts=attempts, number=77, **times, **fields)
    kept = [
        Attempt(
            index=nth + 1, state=State.SCHEDULED, started=ended - 1, finished=ended, failure=a_failure(str(nth)), log="knots"
        )
        for nth in range(attempts)
    ]
    return Record(job, kept)


def all_ended(broker: Movable, limit: int = 100) -> list[Record]:
    """Return every ended job's record, from as many looks as it takes."""
    records, after = broker.ended(limit)
    while after:
        more, after = broker.ended(limit, after)
        records += more
    return records


class GivingSuite:
    """What a broker tells of ended jobs, and forgets of them."""

    def test_a_job_that_has_ended_is_given_with_all_that_is_known_of_it(self, broker: WholeEngine) -> None:
        child = a_child(broker)
        broker.push([a_job(headers={"a": 1}, expires=time.time() + 3_600, priority=3)])
        broker.settle([an_outcome(claim_one(broker, child), State.WAITING, failure=a_failure("first"))])
        job = claim_one(broker, child)
        broker.settle([an_outcome(job, State.FAILED, failure=a_failure("second"), result=b"{}", progress={"done": 1})])
        [record] = all_ended(broker)
        assert record.job == known(broker, job.id)
        assert record.attempts == broker.attempts(job.id)
        assert [attempt.failure.message for attempt in record.attempts if attempt.failure] == ["first", "second"]

    def test_only_what_has_ended_is_given(self, broker: WholeEngine) -> None:
        broker.push([*some_jobs(3), a_scheduled_job(3_600)])
        running, parked = broker.claim(["default"], 2, a_child(broker))
        broker.settle([an_outcome(parked, State.PARKED)])
        assert all_ended(broker) == []
        ended = [ended_job(broker, state) for state in (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED)]
        assert {record.job.id for record in all_ended(broker)} == {job.id for job in ended}
        assert broker.drop([running.number, parked.number]) == 0
        assert {state_of(broker, running), state_of(broker, parked)} == {State.RUNNING, State.PARKED}

    def test_what_is_dropped_is_not_given_again(self, broker: WholeEngine) -> None:
        first, second = ended_job(broker), ended_job(broker, State.FAILED)
        assert broker.drop([first.number, 10**12]) == 1
        assert (broker.get(first.id), broker.attempts(first.id)) == (None, [])
        assert [record.job.id for record in all_ended(broker)] == [second.id]
        assert broker.drop([second.number]) == 1
        assert broker.drop([second.number]) == 0
        assert all_ended(broker) == []
        assert not any(n for states in broker.counts().values() for n in states.values())

    def test_nothing_is_missed_where_only_a_part_is_looked_at(self, broker: WholeEngine) -> None:
        jobs = some_jobs(30)
        broker.push(jobs)
        child = a_child(broker)
        taken = broker.claim(["default"], 30, child)
        broker.settle([an_outcome(job) for job in taken[::3]])
        gone: list[str] = []
        while records := all_ended(broker, 3):
            gone += [record.job.id for record in records]
            broker.drop([record.job.number for record in records])
        assert sorted(gone) == sorted(ids(taken[::3]))


class KeepingSuite:
    """What a store keeps of jobs that ended elsewhere."""

    @pytest.fixture
    def record(self) -> Record:
        """Return a record of which every field means something."""
        return a_record(
            attempts=2, state=State.FAILED, priority=-7, run_at=1_700_000_000.5, expires=1_700_000_001.0, charges=1, root="r",
            parent="p", group="g", position=4, unique_key="u", concurrency_key="c", fairness_key="f", headers={"h": [1, "ü"]},
            metadata={"who": {"id": 1.5}}, progress={"done": 2}, schedule="nightly", nominal=1_700_000_002.0,
            result=b"\xc3\xbc\n1", worker="fig@tree",
        )  # fmt: skip

    def test_a_record_is_kept_whole(self, broker: WholeEngine, record: Record) -> None:
        assert broker.keep([record]) == set()
        found = known(broker, record.job.id)
        mine = {"number": 0, "child": "", "delivery": 0}
        assert msgspec.structs.replace(found, **mine) == msgspec.structs.replace(record.job, **mine)
        assert broker.attempts(record.job.id) == record.attempts
        assert broker.wait(record.job.id, 0) == found

    def test_a_repeat_changes_nothing(self, broker: WholeEngine, record: Record) -> None:
        batch = [record, a_record(attempts=1), a_record()]
        for _ in range(3):
            assert broker.keep(batch) == set()
        assert sorted(ids(broker.find({}, 10))) == sorted(job.id for job, _ in batch)
        for job, attempts in batch:
            assert broker.attempts(job.id) == attempts
        assert broker.counts()["default"] == {State.SUCCEEDED: 2, State.FAILED: 1}

    def test_the_later_end_of_an_id_holds(self, broker: WholeEngine) -> None:
        broker.keep([a_record("again", State.FAILED, attempts=1)])
        broker.keep([a_record("again", result=b"42")])
        assert (known(broker, "again").result, broker.attempts("again")) == (b"42", [])
        assert broker.counts()["default"].get(State.FAILED, 0) == 0

    def test_a_live_job_keeps_its_id(self, broker: WholeEngine) -> None:
        job = a_job()
        broker.push([job])
        other = a_record()
        assert broker.keep([a_record(job.id, attempts=1), other]) == {job.id}
        assert (state_of(broker, job), broker.attempts(job.id)) == (State.WAITING, [])
        assert state_of(broker, other.job) is State.SUCCEEDED

    def test_what_is_kept_is_never_claimed(self, broker: WholeEngine) -> None:
        broker.keep([a_record() for _ in range(3)])
        assert drain(broker, a_child(broker), "default", 5) == []

    def test_what_is_kept_is_found_and_pruned_as_any_other(self, broker: WholeEngine) -> None:
        old, young = a_record(age=7_200, parent="p"), a_record(age=60, parent="p")
        failed = a_record(state=State.FAILED, age=60, attempts=1)
        broker.keep([old, young, failed])
        assert sorted(ids(broker.find({"parent": "p"}, 5))) == sorted([old.job.id, young.job.id])
        assert ids(broker.find({"state": State.FAILED}, 5)) == [failed.job.id]
        assert broker.prune({State.SUCCEEDED: 3_600.0}, 100) == 1
        assert broker.get(old.job.id) is None
        assert broker.forget([failed.job.id]) == 1
        assert ids(broker.find({}, 5)) == [young.job.id]

    def test_a_batch_of_hundreds_is_kept(self, broker: WholeEngine) -> None:
        batch = [a_record(f"job-{nth}", attempts=nth % 2) for nth in range(700)]
        assert broker.keep(batch) == set()
        assert broker.counts()["default"] == {State.SUCCEEDED: 700}
        assert broker.attempts("job-699") == batch[699].attempts

    def test_what_was_given_is_kept_equally(self, broker: WholeEngine) -> None:
        broker.push([a_job(headers={"a": 1})])
        job: Job = claim_one(broker, a_child(broker))
        broker.settle([an_outcome(job, State.FAILED, failure=a_failure(), log="knots", result=b"{}")])
        [before] = all_ended(broker)
        broker.drop([before.job.number])
        broker.keep([before])
        [after] = all_ended(broker)
        for name in ("id", "task", "queue", "payload", "state", "attempts", "headers", "result", "worker"):
            assert getattr(after.job, name) == getattr(before.job, name)
        for name in ("created", "started", "finished"):
            assert getattr(after.job, name) == pytest.approx(getattr(before.job, name), abs=0.001)
        assert [attempt.failure for attempt in after.attempts] == [attempt.failure for attempt in before.attempts]


class ResultSuite(GivingSuite, KeepingSuite):
    """For engines that may be the broker of another result store, or the result store of another broker."""
