"""Finding and counting jobs."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from celeriac.engine.job import Job, State
from celeriac.testing.conformance.scenario import (
    LONG,
    QUEUE,
    RUN_OUT,
    Engine,
    a_child,
    a_job,
    a_worker,
    an_outcome,
    claim_one,
    ids,
    known,
    some_jobs,
)


def searched(broker: Engine, where: dict[str, Any], limit: int, depth: int, text: str) -> list[Job]:
    """Return what all parts of a search find."""
    found: list[Job] = []
    before: int | None = None
    for _part in range(50):
        part = broker.search(where, limit, before, depth, text)
        found += part.jobs
        before = part.before
        if before is None:
            return found
    raise AssertionError("the search comes to no end")


class SearchSuite:
    """Finding and counting."""

    @pytest.fixture(autouse=True)
    def _inspect(self, broker: Engine) -> None:
        if not broker.capabilities.inspect:
            pytest.skip("this broker cannot be searched")

    @pytest.fixture
    def jobs(self, broker: Engine) -> list[Job]:
        """Return jobs in several states, queues, tasks and groups, in the order of their arrival."""
        jobs = [
            a_job(task="pack", queue="a", root="r1"),
            a_job(task="pack", queue="b", root="r1", group="g"),
            a_job(task="ship", queue="a", root="r2", group="g"),
            a_job(task="ship", queue="b"),
            a_job(task="ship", queue="a", state=State.SCHEDULED, run_at=time.time() + 3_600),
            a_job(task="pack", queue="c"),
        ]
        broker.push(jobs)
        child = a_child(broker)
        broker.settle([an_outcome(claim_one(broker, child, "c"))])
        claim_one(broker, child, "b")
        return jobs

    def test_without_filters_the_newest_come_first(self, broker: Engine, jobs: list[Job]) -> None:
        assert ids(broker.find({}, 100)) == ids(jobs[::-1])

    @pytest.mark.parametrize(
        ("where", "found"),
        [
            ({"queue": "a"}, [4, 2, 0]),
            ({"task": "pack"}, [5, 1, 0]),
            ({"root": "r1"}, [1, 0]),
            ({"group": "g"}, [2, 1]),
            ({"state": State.WAITING}, [3, 2, 0]),
            ({"state": State.RUNNING}, [1]),
            ({"state": State.SCHEDULED}, [4]),
            ({"state": State.SUCCEEDED}, [5]),
            ({"state": State.PARKED}, []),
            ({"queue": "a", "task": "ship"}, [4, 2]),
            ({"queue": "b", "task": "ship", "state": State.WAITING}, [3]),
            ({"queue": "a' or '1'='1"}, []),
        ],
        ids=str,
    )
    def test_records_are_found_by_what_they_equal(
        self, broker: Engine, jobs: list[Job], where: dict[str, Any], found: list[int]
    ) -> None:
        assert ids(broker.find(where, 100)) == [jobs[index].id for index in found]

    def test_a_search_keeps_its_limit(self, broker: Engine, jobs: list[Job]) -> None:
        assert ids(broker.find({}, 2)) == ids(jobs[:-3:-1])

    def test_a_cursor_goes_through_everything_once(self, broker: Engine, jobs: list[Job]) -> None:
        seen: list[str] = []
        before: int | None = None
        while page := broker.find({}, 2, before):
            seen += ids(page)
            assert len(seen) < 20, "the pages do not get older"
            before = page[-1].number
            broker.push([a_job(queue="new")])  # what arrives meanwhile is newer, so it does not shift the pages
        assert seen == ids(jobs[::-1])

    def test_a_cursor_goes_with_filters(self, broker: Engine, jobs: list[Job]) -> None:
        first = broker.find({"queue": "a"}, 1)
        assert ids(broker.find({"queue": "a"}, 10, first[0].number)) == [jobs[2].id, jobs[0].id]

    def test_found_records_are_whole(self, broker: Engine, jobs: list[Job]) -> None:
        for found in broker.find({}, 100):
            assert found == known(broker, found.id)

    @pytest.mark.parametrize(
        ("where", "text", "found"),
        [
            ({}, "", [5, 4, 3, 2, 1, 0]),
            ({"queue": "a"}, "", [4, 2, 0]),
            ({"state": State.WAITING, "task": "ship"}, "", [3, 2]),
            ({"state": State.RUNNING}, "", [1]),
            ({"state": State.RUNNING, "task": "ship"}, "", []),
            ({"state": State.SCHEDULED}, "", [4]),
            ({"state": State.SUCCEEDED}, "", [5]),
            ({"state": State.FAILED}, "", []),
            ({}, "hip", [4, 3, 2]),
            ({"queue": "a"}, "hip", [4, 2]),
            ({}, "' or 1=1 --", []),
            ({}, "100%", []),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("depth", [2, 100])
    def test_a_search_goes_through_everything_once_part_by_part(
        self, broker: Engine, jobs: list[Job], where: dict[str, Any], text: str, found: list[int], depth: int
    ) -> None:
        assert [job.id for job in searched(broker, where, 2, depth, text)] == [jobs[index].id for index in found]

    def test_a_search_finds_ids_by_their_beginning_and_arguments_by_any_part(self, broker: Engine) -> None:
        first = a_job("abc-1", payload='[["Küche 7"],{"b":2},{}]'.encode())
        broker.push([first, a_job("xabc-2"), a_job("abd-3")])
        for text, expected in (("abc", ["abc-1"]), ("ab", ["abd-3", "abc-1"]), ("Küche", ["abc-1"]), ('"b":2', ["abc-1"])):
            assert [job.id for job in searched(broker, {}, 10, 100, text)] == expected

    def test_a_search_looks_no_deeper_than_it_is_told_and_says_how_far_it_came(self, broker: Engine) -> None:
        jobs = [a_job(task="rare"), *some_jobs(9)]
        broker.push(jobs)
        part = broker.search({"task": "rare"}, 5, None, 4)
        oldest = known(broker, jobs[6].id)
        assert (part.jobs, part.before, part.reached) == ([], oldest.number, oldest.created)
        end = broker.search({"task": "rare"}, 5, known(broker, jobs[3].id).number, 4)
        assert (ids(end.jobs), end.before) == ([jobs[0].id], None)

    def test_a_search_finds_troubles_by_their_states(self, broker: Engine) -> None:
        child = a_child(broker)
        broker.push(some_jobs(6))
        states = [State.FAILED, State.SUCCEEDED, State.FAILED, State.PARKED, State.FAILED]
        taken = broker.claim([QUEUE], 5, child)
        broker.settle([an_outcome(job, state) for job, state in zip(taken, states, strict=True)])
        failed = searched(broker, {"state": State.FAILED}, 2, 100, "")
        assert ids(failed) == [taken[4].id, taken[2].id, taken[0].id]
        assert [job.id for job in searched(broker, {"state": State.PARKED, "queue": QUEUE}, 2, 100, "")] == [taken[3].id]
        assert failed[0] == known(broker, taken[4].id)

    def test_counts_equal_a_recount(self, broker: Engine, jobs: list[Job]) -> None:
        child = a_child(broker)
        broker.push(some_jobs(4, queue="küche"))
        taken = broker.claim(["küche"], 3, child)
        broker.settle([an_outcome(taken[0], State.FAILED), an_outcome(taken[1], State.PARKED)])
        recount = Counter((job.queue, job.state) for job in broker.find({}, 1_000))
        counts = {(queue, state): n for queue, states in broker.counts().items() for state, n in states.items() if n}
        assert counts == dict(recount)
        assert sum(counts.values()) == 10
        assert broker.counts()["küche"][State.RUNNING] == 1

    def test_an_empty_store_counts_nothing(self, broker: Engine) -> None:
        assert not any(n for states in broker.counts().values() for n in states.values())

    def test_the_workers_are_those_that_live(self, broker: Engine) -> None:
        assert broker.workers() == []
        living = a_worker(broker)
        a_worker(broker, RUN_OUT)
        broker.leave(a_worker(broker))
        [info] = broker.workers()
        assert (info.id, info.name, info.host, info.pid) == (living, "fig@tree", "tree", 4711)
        assert (info.pool, info.concurrency, info.queues) == ("prefork", 2, [QUEUE])
        assert info.started == pytest.approx(time.time(), abs=60.0)
        assert info.lease == pytest.approx(time.time() + LONG, abs=60.0)
