"""Connections cut at random bytes, in requests and in replies: what was accepted ends once, and nothing else does."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from celeriac.engine.brokers.base import WorkerInfo
from celeriac.engine.brokers.redis.broker import RedisBroker
from celeriac.engine.errors import BrokerUnavailable
from celeriac.engine.job import Job, State, Token
from celeriac.engine.outcome import Outcome
from tests.proxy import Proxy
from tests.redis.conftest import Server

SEEDS = 34
"""Runs of each kind on each kind of server."""
JOBS = 6
CUTS = {"few": (20, 1_000), "many": (200, 5_000), "scripts": (500, 40_000)}
"""Bytes after which connections are cut: in the first words, among some commands, or in whole scripts that are sent."""


@pytest.fixture
def direct(server: Server) -> Iterator[RedisBroker]:
    """A broker that nobody cuts off, by which is seen what has become of jobs."""
    with closing(RedisBroker(server.url())) as broker:
        info = WorkerInfo(id="w", name="w@h", host="h", pid=1, pool="prefork", concurrency=1, queues=["default"])
        broker.join(info, 600)
        yield broker


class Run:
    """One child that pushes, claims and settles through a network that cuts it off, and tries again as a child does."""

    def __init__(self, broker: RedisBroker, direct: RedisBroker, child: str, seed: int) -> None:
        self._broker = broker
        self._direct = direct
        self._child = child
        self._chance = random.Random(seed)
        self.bodies: Counter[str] = Counter()

    def push(self, ids: list[str]) -> None:
        persist(lambda: self._broker.push([a_job(id) for id in ids]))

    def turn(self) -> None:
        """Claim some, run and settle them, and give back what a lost reply has made ours without a word."""
        claimed: list[Job] = []
        persist(lambda: claimed.extend(self._broker.claim(["default"], self._chance.randint(1, 3), self._child)))
        self.bodies.update(job.id for job in claimed)
        self._speak_late([job.token._replace(delivery=job.delivery - 1) for job in claimed])
        persist(lambda: self._broker.settle([ended(job) for job in claimed]))
        self._speak_late([job.token for job in claimed])
        persist(lambda: self._broker.release(self._broker.held(self._child)))

    def _speak_late(self, tokens: list[Token]) -> None:
        """Say something else about claims that were lost, or are settled: it is refused."""
        late = [Outcome(token=token, state=State.CANCELLED, started=1.0, finished=2.0) for token in tokens]
        assert self._direct.settle(late) == set(tokens)


def persist(action: Callable[[], object]) -> None:
    for _attempt in range(500):
        try:
            action()
        except BrokerUnavailable:
            continue
        return
    raise AssertionError("500 connections in a row were cut")


def a_job(id: str) -> Job:
    return Job(id=id, task="shop.pay", queue="default", payload=b"[[], {}, null]")


def ended(job: Job) -> Outcome:
    """What a body ended in. A job that was pushed is followed by another."""
    follow_ups = () if job.id.endswith("+") else (a_job(f"{job.id}+"),)
    return Outcome(
        token=job.token, state=State.SUCCEEDED, started=1.0, finished=2.0, result=b"1", follow_ups=follow_ups
    )  # fmt: skip


@pytest.mark.parametrize("cut", CUTS)
def test_nothing_is_lost_or_done_twice_by_connections_that_are_cut_anywhere(
    server: Server, direct: RedisBroker, cut: str
) -> None:
    teach(direct)
    for seed in range(SEEDS):
        direct.enrol("w", f"child-{seed}")
        if cut == "scripts":
            server.admin.script_flush()
        with (
            Proxy(("127.0.0.1", server.port), seed) as proxy,
            closing(RedisBroker(f"redis://127.0.0.1:{proxy.port}/0")) as broker,
        ):
            proxy.cut_after(*CUTS[cut])
            expected = played(Run(broker, direct, f"child-{seed}", seed), seed)
        records = {job.id: job for job in direct.find({}, 1000) if job.id.startswith(f"{seed}-")}
        assert set(records) == expected
        assert {job.state for job in records.values()} == {State.SUCCEEDED}


def teach(direct: RedisBroker) -> None:
    """Use each script once: those that the server knows are not sent whole."""
    direct.enrol("w", "first")
    direct.push([a_job(f"{SEEDS}-first")])
    direct.release([job.token for job in direct.claim(["default"], 1, "first")])
    Run(direct, direct, "first", 0).turn()
    Run(direct, direct, "first", 0).turn()


def played(run: Run, seed: int) -> set[str]:
    """Let a run do all its work; return the ids of what there must be then."""
    ids = [f"{seed}-{number}" for number in range(JOBS)]
    expected = {*ids, *(f"{id}+" for id in ids)}
    run.push(ids[: JOBS // 2])
    run.turn()
    run.push(ids[JOBS // 2 :])
    for _turn in range(100):
        if set(run.bodies) == expected:
            break
        run.turn()
    assert run.bodies == Counter(expected), f"each job of seed {seed} runs once"
    return expected
