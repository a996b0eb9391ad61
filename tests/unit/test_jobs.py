"""Jobs as people handle them: found by what they have in common, tried again, cancelled, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from celeriac import Celery
from celeriac.engine.brokers.base import Capabilities
from celeriac.engine.brokers.memory import MemoryBroker
from celeriac.engine.codec import encode_payload
from celeriac.engine.encryption import is_encrypted
from celeriac.engine.job import LIVE, Job, State
from celeriac.exceptions import Ignore
from celeriac.jobs import RETRY_OF, Selection, cancel, delete, retried_as, retry, select
from celeriac.testing.clock import FakeClock
from celeriac.testing.conformance.scenario import a_child, a_failure, a_job, an_outcome, claim_one, ids, known
from tests.unit.conftest import Worker


@pytest.fixture
def push(broker: MemoryBroker, clock: FakeClock) -> Callable[..., Job]:
    """Return what enqueues a job, a minute after the one before, and brings it into a state."""

    def push(state: State = State.WAITING, **fields: Any) -> Job:
        clock.advance(60)
        job = a_job(**fields)
        broker.push([job])
        if state is not State.WAITING:
            claimed = claim_one(broker, a_child(broker), job.queue)
            if state is not State.RUNNING:
                failure = a_failure() if state in (State.FAILED, State.PARKED) else None
                broker.settle([an_outcome(claimed, state, failure=failure)])
        return known(broker, job.id)

    return push


# -- finding -------------------------------------------------------------------------------------------------------------------


def test_jobs_are_found_by_what_they_have_in_common_the_newest_first(app: Celery, push: Callable[..., Job]) -> None:
    failed = push(State.FAILED, task="pack", queue="a")
    parked = push(State.PARKED, task="pack", queue="b")
    waiting = push(task="ship", queue="a")
    cases = {
        (failed.id,): Selection(states=(State.FAILED,)),
        (parked.id, failed.id): Selection(task="pack"),
        (waiting.id, failed.id): Selection(queue="a"),
        (waiting.id, parked.id): Selection(states=(State.PARKED, State.WAITING)),
        (parked.id,): Selection(task="pack", queue="b"),
        (failed.id, waiting.id): Selection(ids=(failed.id, "no-such-job", waiting.id)),
        (): Selection(ids=(failed.id,), task="ship"),
    }
    for expected, selection in cases.items():
        assert ids(list(select(app, selection))) == list(expected)
    assert ids(list(select(app, Selection(), limit=2))) == [waiting.id, parked.id]


def test_an_age_is_since_the_job_was_enqueued(app: Celery, push: Callable[..., Job], clock: FakeClock) -> None:
    jobs = [push() for _ in range(8)]  # one each minute; the last was enqueued just now
    assert ids(list(select(app, Selection(older_than=5.5 * 60)))) == ids(jobs[:2][::-1])
    assert ids(list(select(app, Selection(newer_than=1.5 * 60)))) == ids(jobs[6:][::-1])
    both = Selection(older_than=1.5 * 60, newer_than=3.5 * 60)
    assert ids(list(select(app, both))) == ids(jobs[4:6][::-1])
    assert list(select(app, Selection(older_than=1e9))) == []
    clock.advance(1e6)
    assert len(list(select(app, Selection(older_than=60)))) == 8


def test_an_age_is_found_without_reading_everything(
    app: Celery, push: Callable[..., Job], broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [push() for _ in range(300)]
    read: list[int] = []
    find = broker.find
    monkeypatch.setattr(broker, "find", lambda *arguments: read.append(len(found := find(*arguments))) or found)
    assert ids(list(select(app, Selection(older_than=297.5 * 60)))) == ids(jobs[:2][::-1])
    assert sum(read) < 30


def test_where_numbers_are_not_in_the_order_of_arrival_an_age_is_right_all_the_same(
    app: Celery, push: Callable[..., Job], broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = broker.find

    def live_first(where: dict[str, Any], limit: int, before: int | None = None) -> list[Job]:
        """What has not ended comes before all that has, as where results are kept elsewhere."""
        jobs = find(where, 1000)
        for job in jobs:
            job.number += 2**62 if job.state in LIVE else 0
        found = [job for job in jobs if before is None or job.number < before]
        return sorted(found, key=lambda job: -job.number)[:limit]

    broker.capabilities = Capabilities(ordered=False)
    monkeypatch.setattr(broker, "find", live_first)
    old, ended, new = push(), push(State.FAILED, queue="a"), push(State.FAILED, queue="b")
    assert ids(list(select(app, Selection(older_than=0.5 * 60)))) == [old.id, ended.id]
    assert ids(list(select(app, Selection(newer_than=1.5 * 60)))) == [new.id, ended.id]


# -- trying again --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def failing(app: Celery) -> Any:
    """A task that fails until it is told not to."""
    state = {"fails": True}

    @app.task(name="shop.print", priority=4)
    def run(text: str, copies: int = 1) -> str:
        if state["fails"]:
            raise ValueError("no paper")
        return text * copies

    run.state = state
    return run


def test_a_retry_is_a_new_job_of_the_same_call_linked_to_the_old_one(
    app: Celery, failing: Any, worker: Worker, broker: MemoryBroker
) -> None:
    old = failing.apply_async(("ab",), {"copies": 2}, headers={"tenant": 7}, expires=1e6)
    worker.run_all()
    failing.state["fails"] = False
    changed = retry(app, [known(broker, old.id)])
    new = known(broker, changed.done[old.id])
    assert (new.state, new.parent, new.root, new.metadata) == (State.WAITING, old.id, old.id, {RETRY_OF: old.id})
    assert (new.priority, new.headers, new.attempts, new.expires) == (4, {"tenant": 7}, 0, None)
    worker.run_all()
    assert app.AsyncResult(new.id).get(timeout=0) == "abab"
    assert known(broker, old.id).state is State.FAILED, "what has happened stays as it was"


def test_a_job_is_retried_once_however_often_somebody_asks(
    app: Celery, failing: Any, worker: Worker, broker: MemoryBroker
) -> None:
    old = failing.delay("x")
    worker.run_all()
    record = known(broker, old.id)
    first = retry(app, [record])
    again = retry(app, [record])
    assert first.done == {old.id: retried_as(record)}
    assert again.done == {}
    assert again.refused == {old.id: f"It was retried already, as {retried_as(record)}."}
    worker.run_all()
    second = retry(app, [known(broker, retried_as(record))])
    assert known(broker, second.done[retried_as(record)]).root == old.id


def test_a_retry_of_a_signed_and_encrypted_job_is_signed_and_encrypted_anew(
    app: Celery, failing: Any, worker: Worker, broker: MemoryBroker
) -> None:
    app.conf.update(signing_keys=["s" * 40], encryption_keys=["e" * 40], encrypt=True)
    old = failing.delay("ab")
    worker.run_all()
    failing.state["fails"] = False
    new = known(broker, retry(app, [known(broker, old.id)]).done[old.id])
    assert is_encrypted(new.payload)
    worker.run_all()
    assert app.AsyncResult(new.id).get(timeout=0) == "ab"


def test_a_job_that_nobody_with_a_key_has_signed_is_not_signed_by_retrying_it(
    app: Celery, failing: Any, broker: MemoryBroker, worker: Worker
) -> None:
    forged = a_job(task="shop.print", queue="celery", payload=encode_payload("shop.print", ("forged",), {}))
    broker.push([forged])
    worker.run_all()
    app.conf.update(signing_keys=["s" * 40])
    changed = retry(app, [known(broker, forged.id)])
    assert changed.done == {}
    assert "it is not signed" in changed.refused[forged.id]
    assert broker.get(retried_as(forged)) is None


def test_a_parked_job_waits_again_as_itself(app: Celery, push: Callable[..., Job], broker: MemoryBroker) -> None:
    parked = push(State.PARKED)
    assert retry(app, [parked]).done == {parked.id: parked.id}
    assert known(broker, parked.id).state is State.WAITING


@pytest.mark.parametrize("state", [State.WAITING, State.RUNNING])
def test_what_has_not_ended_is_not_retried(app: Celery, push: Callable[..., Job], state: State) -> None:
    job = push(state)
    changed = retry(app, [job])
    assert (changed.done, changed.refused) == ({}, {job.id: f"It has not ended: it is {state.value}."})


# -- cancelling and deleting ---------------------------------------------------------------------------------------------------


def test_what_waits_is_cancelled_and_what_runs_only_when_it_is_to_be_terminated(
    app: Celery, push: Callable[..., Job], broker: MemoryBroker
) -> None:
    running, waiting, ended = push(State.RUNNING, queue="a"), push(), push(State.SUCCEEDED, queue="b")
    changed = cancel(app, [running, waiting, ended])
    assert changed.done == {waiting.id: waiting.id}
    assert known(broker, waiting.id).state is State.CANCELLED
    assert "--terminate" in changed.refused[running.id]
    assert "It has ended: it is succeeded." in changed.refused[ended.id]
    assert cancel(app, [running], terminate=True).done == {running.id: running.id}
    [worker] = [found for found in broker.workers() if broker.doomed(found.id)]
    assert [token.number for token in broker.doomed(worker.id)] == [running.number]


def test_the_records_of_ended_and_parked_jobs_are_deleted_and_no_others(
    app: Celery, push: Callable[..., Job], broker: MemoryBroker
) -> None:
    jobs = {state: push(state, queue=state.value) for state in (State.FAILED, State.PARKED, State.RUNNING, State.WAITING)}
    changed = delete(app, list(jobs.values()))
    assert set(changed.done) == {jobs[State.FAILED].id, jobs[State.PARKED].id}
    assert set(changed.refused) == {jobs[State.RUNNING].id, jobs[State.WAITING].id}
    assert [broker.get(job.id) is None for job in jobs.values()] == [True, True, False, False]


def test_an_ignored_job_has_ended_too(app: Celery, worker: Worker, broker: MemoryBroker) -> None:
    @app.task(name="shop.skip")
    def skip() -> None:
        raise Ignore

    job = skip.delay()
    worker.run_all()
    assert retry(app, [known(broker, job.id)]).done
