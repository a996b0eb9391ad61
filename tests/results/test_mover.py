"""Results move to their store, all of them and once, whatever happens between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from celeriac.engine.brokers.endings import unwanted
from celeriac.engine.brokers.mixed import AHEAD, MixedBroker
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.job import Job, State, Token
from celeriac.engine.worker import resultmover
from celeriac.engine.worker.resultmover import ResultMover
from celeriac.testing.conformance.scenario import (
    PATIENCE,
    a_child,
    a_failure,
    a_job,
    an_outcome,
    claim_one,
    ended_job,
    ids,
    known,
    some_jobs,
    start,
)
from celeriac.testing.valkey import ValkeyServer
from tests.conformance.mixtures import Mixture, mixture

MIXTURES = ["valkey+sqlite", "sqlite+valkey"]


@pytest.fixture(params=MIXTURES)
def mixed(request: pytest.FixtureRequest) -> Mixture:
    found = mixture(request.param, request)
    found.empty()
    return found


@pytest.fixture
def broker(mixed: Mixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[MixedBroker]:
    monkeypatch.setattr(resultmover, "YOUNG", 0.0)
    broker = mixed.make()
    yield broker
    broker.close()


@pytest.fixture
def mover(broker: MixedBroker) -> ResultMover:
    """A mover that moves when it is told to."""
    return ResultMover(broker.inner, broker.results, "mover", {})


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_a_job_that_moves_is_whole_there_and_gone_here(broker: MixedBroker, mover: ResultMover) -> None:
    broker.push([a_job(headers={"a": 1}, expires=time.time() + 3_600)])
    job = claim_one(broker, a_child(broker))
    broker.settle([an_outcome(job, State.FAILED, failure=a_failure(), log="knots", result=b"{}")])
    before = known(broker, job.id)
    attempts = broker.attempts(job.id)
    assert mover.move() == 1
    assert broker.inner.get(job.id) is None
    after = known(broker, job.id)
    assert after.number < AHEAD <= before.number
    assert (after.state, after.headers, after.result, after.worker) == (before.state, {"a": 1}, b"{}", before.worker)
    assert [attempt.failure for attempt in broker.attempts(job.id)] == [attempt.failure for attempt in attempts]
    assert mover.move() == 0


def test_only_what_has_ended_moves(broker: MixedBroker, mover: ResultMover) -> None:
    broker.push(some_jobs(3))
    running, parked = broker.claim(["default"], 2, a_child(broker))
    broker.settle([an_outcome(parked, State.PARKED)])
    assert mover.move() == 0
    assert {job.state for job in broker.find({}, 10)} == {State.RUNNING, State.PARKED, State.WAITING}
    assert broker.settle([an_outcome(running)]) == set(), "its token holds"


def test_a_job_that_ended_a_moment_ago_is_left_to_who_waits_for_it(
    broker: MixedBroker, mover: ResultMover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resultmover, "YOUNG", 60.0)
    young, old = ended_job(broker), ended_job(broker, age=120.0)
    elsewhere = ended_job(broker, age=-120.0)  # by a clock that is ahead of ours
    assert mover.move() == 2
    assert [broker.inner.get(job.id) is None for job in (young, old, elsewhere)] == [False, True, True]


def test_lists_go_over_both_in_one_order(broker: MixedBroker, mover: ResultMover) -> None:
    ended = [ended_job(broker, parent="p") for _ in range(5)]
    while mover.move():
        pass
    live = some_jobs(4, parent="p")
    broker.push(live)
    expected = ids(live[::-1]) + ids(ended[::-1])
    assert ids(broker.find({}, 100)) == expected
    assert ids(broker.find({"parent": "p"}, 6)) == expected[:6]
    seen: list[str] = []
    before: int | None = None
    while page := broker.find({}, 2, before):
        seen += ids(page)
        before = page[-1].number
    assert seen == expected
    assert ids(broker.find({"state": State.SUCCEEDED}, 3)) == expected[4:7]
    assert broker.find({"state": State.RUNNING}, 3) == []
    assert broker.counts() == {"ended": {State.SUCCEEDED: 5}, "default": {State.WAITING: 4}}


def test_a_job_that_is_in_both_is_listed_once(broker: MixedBroker) -> None:
    job = ended_job(broker)
    records, _ = broker.inner.ended(10)
    broker.results.keep(records)
    assert ids(broker.find({}, 10)) == [job.id]
    assert broker.find({}, 10)[0].number > AHEAD


def test_what_is_in_both_is_forgotten_in_both(broker: MixedBroker) -> None:
    job = ended_job(broker)
    broker.results.keep(broker.inner.ended(10)[0])
    broker.forget([job.id])
    assert broker.get(job.id) is None


def test_a_waiting_caller_gets_a_job_that_moves_before_he_looks(mixed: Mixture, broker: MixedBroker) -> None:
    job = a_job()
    broker.push([job])
    moved_first: list[str] = []

    waiting = mixed.make()
    mover = ResultMover(waiting.inner.clone(), waiting.results.clone(), "mover", {})  # with connections of this thread's
    original = waiting.inner.wait

    def wait_and_be_late(id: str, timeout: float | None) -> Any:
        found = original(id, timeout)
        if found is not None and not moved_first:
            moved_first.append(id)
            while mover.move():
                pass
            return original(id, 0)
        return found

    waiting.inner.wait = wait_and_be_late
    waiter = start(lambda: waiting.wait(job.id, PATIENCE))
    broker.settle([an_outcome(claim_one(broker, a_child(broker)), result=b"42")])
    record = waiter.finish()
    assert moved_first == [job.id]
    assert (record.state, record.result) == (State.SUCCEEDED, b"42")
    for opened in (mover._broker, mover._results, waiting):
        opened.close()


def test_a_crash_between_keeping_and_forgetting_repeats_harmlessly(broker: MixedBroker, mover: ResultMover) -> None:
    jobs = [ended_job(broker, State.FAILED) for _ in range(3)]
    broker.results.keep(broker.inner.ended(10)[0])  # and here the mover is killed
    assert mover.move() == 3
    assert sorted(ids(broker.find({}, 10))) == sorted(ids(jobs))
    assert broker.counts()["ended"] == {State.FAILED: 3}


def test_what_the_store_refuses_stays_and_holds_up_nothing(
    broker: MixedBroker, mover: ResultMover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resultmover, "BATCH", 2)
    waiting_there = [a_job() for _ in range(3)]
    broker.results.push(waiting_there)  # type: ignore[attr-defined]  # a whole engine: the ids are live there
    stuck = [ended_job(broker, id=job.id) for job in waiting_there]
    fine = [ended_job(broker) for _ in range(3)]
    while mover.move():
        pass
    until(lambda: mover.move() == 0, "the mover comes to an end")
    assert [broker.inner.get(job.id) is None for job in fine] == [True] * 3
    assert [known(broker, job.id).state for job in stuck] == [State.SUCCEEDED] * 3


def test_the_word_that_a_job_on_its_way_was_cancelled_waits_for_it_at_the_broker(
    broker: MixedBroker, mover: ResultMover
) -> None:
    """As RabbitMQ's broker leaves it in its store."""
    ahead = Job(id="ahead", task="", queue="", payload=b"")
    broker.inner.remember(ahead, unwanted(Token(0, "", 0), time.time() - 60))
    moved = ended_job(broker, State.CANCELLED)
    while mover.move():
        pass
    assert broker.inner.get(moved.id) is None
    broker.inner.push([a_job("ahead")])
    assert broker.claim(["default"], 1, a_child(broker)) == []
    assert known(broker, "ahead").state is State.CANCELLED


def test_many_that_moved_behind_one_that_stays_are_passed_over_a_part_at_a_time(
    broker: MixedBroker, mover: ResultMover
) -> None:
    broker.results.push([blocked := a_job()])  # type: ignore[attr-defined]  # a whole engine: the id is live there
    ended_job(broker, id=blocked.id)
    for _ in range(120):  # more than one look passes over
        ended_job(broker)
    while mover.move():
        pass
    last = ended_job(broker)
    until(lambda: mover.move() or broker.inner.get(last.id) is None, "found behind the places of the others")
    assert broker.counts()["ended"] == {State.SUCCEEDED: 122}


def test_a_scheduled_backlog_hides_no_ended_job(
    broker: MixedBroker, mover: ResultMover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("celeriac.engine.brokers.sql.records.WINDOW", 10)
    broker.push([a_job(state=State.SCHEDULED, run_at=time.time() + 3_600) for _ in range(35)])
    jobs = [ended_job(broker) for _ in range(3)]
    until(lambda: mover.move() or all(broker.inner.get(job.id) is None for job in jobs), "found")
    until(lambda: mover.move() is not None and all(broker.inner.get(job.id) is None for job in jobs), "all found")
    assert broker.counts()["ended"] == {State.SUCCEEDED: 3}
    assert {known(broker, job.id).state for job in jobs} == {State.SUCCEEDED}


def test_the_thread_moves_what_ended_soon(mixed: Mixture, broker: MixedBroker) -> None:
    mover = mixed.mover()
    mover.start()
    try:
        jobs = [ended_job(broker) for _ in range(3)]
        until(lambda: all(broker.inner.get(job.id) is None for job in jobs), "moved")
        assert {known(broker, job.id).state for job in jobs} == {State.SUCCEEDED}
    finally:
        mover.stop()
    assert broker.leader("results").acquire("another", 1.0), "it has stopped leading"


def test_the_thread_outlives_what_nobody_has_thought_of(mixed: Mixture, broker: MixedBroker) -> None:
    mover = mixed.mover()
    keep, broken = mover._results.keep, []

    def break_once(records: Any) -> set[str]:
        if not broken:
            broken.append(records)
            raise LookupError("a driver's own mistake")
        return keep(records)

    mover._results.keep = break_once  # type: ignore[method-assign]  # the store breaks once, as a driver would
    mover.start()
    try:
        job = ended_job(broker)
        until(lambda: broker.inner.get(job.id) is None, "moved in the end")
        assert broken
    finally:
        mover.stop()


def test_only_one_of_two_moves(mixed: Mixture, broker: MixedBroker) -> None:
    assert broker.leader("results").acquire("another", 60.0)
    mover = mixed.mover()
    ended_job(broker)
    assert mover._turn() == resultmover.LEAD_EVERY
    broker.leader("results").release("another")
    assert mover._turn() == 0.0
    mover._leave()
    assert broker.leader("results").acquire("another", 1.0)


def test_results_wait_at_the_broker_while_their_store_is_away(valkey: ValkeyServer, sqlite_alias: str) -> None:
    """The store is a server of its own, stopped for real."""
    with ValkeyServer() as other:
        broker = MixedBroker(SQLBroker(sqlite_alias, private=True), RedisBroker(other.url()))
        ended = [ended_job(broker)]
        other.interrupt()
        mover = ResultMover(SQLBroker(sqlite_alias, private=True), RedisBroker(other.url()), "mover", {})
        mover.start()
        ended += [ended_job(broker) for _ in range(5)]
        assert {known(broker, job.id).state for job in ended} == {State.SUCCEEDED}
        other.start()
        until(lambda: all(broker.inner.get(job.id) is None for job in ended), "moved when the store is back")
        assert {known(broker, job.id).state for job in ended} == {State.SUCCEEDED}
        mover.stop()
        broker.close()


KILLED = """
import sys
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["celeriac"], USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[2]}},
)
django.setup()
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.brokers.sql.broker import SQLBroker
from celeriac.engine.worker.resultmover import ResultMover

mover = ResultMover(RedisBroker(sys.argv[1]), SQLBroker("default", private=True), "killed", {})
while mover.move():
    pass
"""


def test_a_mover_killed_between_keeping_and_forgetting_loses_and_doubles_nothing(
    valkey: ValkeyServer, sqlite_alias: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resultmover, "YOUNG", 0.0)
    found = mixture("valkey+sqlite", request)
    found.empty()
    broker = found.make()
    jobs = [ended_job(broker, State.FAILED, age=1.0) for _ in range(4)]
    file = str(connections[sqlite_alias].settings_dict["NAME"])
    source = Path(__file__).parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source), "CELERIAC_FAULT": "after-keep:1:kill"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, valkey.url(), file], env=environment, capture_output=True, timeout=PATIENCE, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    here, there = (sorted(ids(side.find({}, 10))) for side in (broker.inner, broker.results))
    assert here == there == sorted(ids(jobs)), "kept there, and not yet forgotten here"
    assert sorted(ids(broker.find({}, 10))) == sorted(ids(jobs))
    while ResultMover(broker.inner, broker.results, "next", {}).move():
        pass
    assert broker.inner.find({}, 10) == []
    assert sorted(ids(broker.find({}, 10))) == sorted(ids(jobs))
    assert broker.counts()["ended"] == {State.FAILED: 4}
    broker.close()
